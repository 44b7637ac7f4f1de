"""Item vectors as files for TensorBoard's embedding projector."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pandas as pd

CONFIG = """embeddings {
  tensor_name: "items"
  tensor_path: "vectors.tsv"
  metadata_path: "metadata.tsv"
}
"""


def write_projector(folder: str | os.PathLike[str], items: pd.DataFrame, vectors: np.ndarray):
    """Writes vectors.tsv, metadata.tsv and projector_config.pbtxt: `tensorboard --logdir folder`.

    Args:
        folder: is made where it is missing.
        items: a row an item; all columns are shown, tabs and line breaks as spaces, what is missing
            as nothing.
        vectors: float [items, dim].

    Raises: ValueError unless there is one vector for each item.
    """
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or len(vectors) != len(items):
        raise ValueError(
            "The projector shows one vector [dim] for each row of items. "
            f"Received: {len(items)} items, vectors of shape {vectors.shape}."
        )
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "vectors.tsv", vectors, delimiter="\t", fmt="%.6g")
    shown = items.astype(str).where(items.notna(), "")  # text keeps what is missing, NaN
    shown = shown.replace(r"[\t\r\n]+", " ", regex=True)
    rows = ["\t".join(row) for row in shown.itertuples(index=False)]
    # A single column has no heading, as the projector would take it for an item.
    heading = ["\t".join(map(str, items.columns))] if len(items.columns) > 1 else []
    (folder / "metadata.tsv").write_text("\n".join([*heading, *rows]) + "\n", encoding="utf-8")
    (folder / "projector_config.pbtxt").write_text(CONFIG, encoding="utf-8")
