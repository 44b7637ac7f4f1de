"""A searcher of ScaNN over other vectors, its tree and its codebooks as they were.

The operations of ScaNN in TensorFlow build and search; they add nothing to an index. Its searcher
in Python does, and both hold the same: the vectors, the leaf and the code of each, the centres of
the leaves, the codebooks. So new vectors are given to a searcher in Python that has the tree, the
codebooks and one vector, and what it says of them goes beside what was there. It takes the longer
the more new vectors there are, whatever the size of the catalogue.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Mapping

import numpy as np
from scann.scann_ops.py import scann_ops_pybind

CODED_AT_A_TIME = 1_024
FILES = {  # of ScaNN's searcher in Python, by the names that its operations have for them
    "scann_config": "scann_config.pb",
    "serialized_partitioner": "serialized_partitioner.pb",
    "ah_codebook": "ah_codebook.pb",
}
ROWS = {  # likewise, a row a vector
    "dataset": "dataset.npy",
    "datapoint_to_token": "datapoint_to_token.npy",
    "hashed_dataset": "hashed_dataset.npy",
}
KINDS = {
    "ah_codebook": "AH_CENTERS",
    "serialized_partitioner": "PARTITIONER",
    "datapoint_to_token": "TOKENIZATION_NPY",
    "hashed_dataset": "AH_DATASET_NPY",
    "dataset": "DATASET_NPY",
}


def changed_parts(
    parts: Mapping[str, np.ndarray], vectors: np.ndarray, source: np.ndarray
) -> dict[str, np.ndarray]:
    """What the operations are given for other vectors.

    Args:
        parts: what they were given, by name, with a tree and codes.
        vectors: float32 [items, dim].
        source: int [items]: the row that the vector had, whose leaf and code it keeps; -1 of one
            that is new or has moved.
    """
    anew = np.flatnonzero(source < 0)
    found = dict(parts)
    coded = _coded(parts, vectors[anew])
    for name in ("datapoint_to_token", "hashed_dataset"):
        rows = parts[name][np.maximum(source, 0)]
        rows[anew] = coded[name]
        found[name] = rows
    found["dataset"] = vectors
    return found


def _coded(parts: Mapping[str, np.ndarray], vectors: np.ndarray) -> dict[str, np.ndarray]:
    """The leaves and the codes of new vectors, a row each."""
    if not len(vectors):
        return {name: parts[name][:0] for name in ROWS}
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        for name, file in FILES.items():
            (folder / file).write_bytes(np.ravel(parts[name])[0])
        for name, file in ROWS.items():
            np.save(folder / file, parts[name][:1])
        (folder / "scann_assets.pbtxt").write_text(_assets(folder))
        searcher = scann_ops_pybind.load_searcher(str(folder))
        searcher.docids, searcher.docid_to_id = [0], {0: 0}
        searcher.upsert(list(range(1, 1 + len(vectors))), vectors, CODED_AT_A_TIME)
        written = folder / "written"
        written.mkdir()
        searcher.searcher.serialize(str(written), True)
        # Plain arrays: nothing in them is run.
        return {
            name: np.lib.format.open_memmap(written / file, mode="r")[1:].copy()
            for name, file in ROWS.items()
        }


def _assets(folder: pathlib.Path) -> str:
    files = {**FILES, **ROWS}
    return "".join(
        f'assets {{\n  asset_type: {kind}\n  asset_path: "{folder / files[name]}"\n}}\n'
        for name, kind in KINDS.items()
    )
