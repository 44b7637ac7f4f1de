"""Which ids a file of weights is of: rows of tables mean others to a model that has others."""

from __future__ import annotations

import hashlib
import pathlib
from typing import TYPE_CHECKING

import h5py

if TYPE_CHECKING:
    from tfrec_recall.features import Features

ATTRIBUTE = "tfrec_recall_ids"  # of the file


def note(path: str | pathlib.Path, features: Features) -> None:
    """Writes beside the weights in a file of HDF5 of which ids they are."""
    if h5py.is_hdf5(path):
        with h5py.File(path, "a") as file:
            file.attrs[ATTRIBUTE] = _ids_of(features)


def check(path: str | pathlib.Path, features: Features) -> None:
    """Raises ValueError for a file of weights of other ids, where it says of which.

    Tables of other sizes are refused anyhow; of the same size, each id would have the vector of
    another one.
    """
    if not h5py.is_hdf5(path):
        return
    with h5py.File(path, "r") as file:
        noted = file.attrs.get(ATTRIBUTE)
    if noted is not None and noted != _ids_of(features):
        raise ValueError(
            "These weights are of a model whose features know other ids, or know them in another "
            "order, so that each id would have the vector of another: save the whole model, "
            "model.save('….keras'), which has its features with it, or make the features as they "
            f"were then, of the same events. Received: {str(path)!r}."
        )


def _ids_of(features: Features) -> str:
    """A fingerprint of the ids of all features, in the order of their rows."""
    found = hashlib.sha256()
    for name, encoding in sorted(features.encodings.items()):
        vocabulary = getattr(encoding, "vocabulary", None)
        if vocabulary is not None:
            found.update(f"{name}\0{len(vocabulary.ids)}\0".encode())
            found.update("\0".join(map(str, vocabulary.ids)).encode("utf-8", "surrogatepass"))
    return found.hexdigest()
