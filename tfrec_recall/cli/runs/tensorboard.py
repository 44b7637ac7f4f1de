"""A training run for TensorBoard: figures after each epoch, those of test, and items to look at."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.console import say, warn
from tfrec_recall.data.files import check_folder
from tfrec_recall.export.place import refuse_among_versions

if TYPE_CHECKING:
    import tensorflow as tf

    from tfrec_recall.data import Split
    from tfrec_recall.models import RecallModel
    from tfrec_recall.retrieval import Retriever

MOST_ITEMS = 50_000  # that a browser still turns


def check_run(folder: str | os.PathLike[str], goes_on: bool = False) -> None:
    """Raises what writing a run there would raise, before the work for it is done.

    Args:
        goes_on: whether the run that the folder holds is the one that is to be written.

    Raises: ValueError for a folder in an export, or one that holds something, as two runs in one
        draw one crooked curve; OSError where nothing can be written.
    """
    if not goes_on:
        refuse_among_versions(folder, "--tensorboard")
    check_folder(folder)
    held = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    if held and not goes_on:
        raise ValueError(
            "A run for TensorBoard has a folder of its own: name a new one beside it, and give "
            f"TensorBoard the folder above both. Received: {folder}, which holds {held[0]!r}."
        )


def epochs_to(folder: str | os.PathLike[str]) -> tf.keras.callbacks.TensorBoard:
    """Writes what the logs hold after each epoch; stands after all that adds to them."""
    import tensorflow as tf

    return tf.keras.callbacks.TensorBoard(str(folder), write_graph=False)


def write_outcome(
    folder: str | os.PathLike[str],
    model: RecallModel,
    retriever: Retriever,
    split: Split,
    metrics: Mapping[str, Any],
    epoch: int,
) -> None:
    """The figures on test at the epoch they are of, and the items' vectors for the projector."""
    import tensorflow as tf

    from tfrec_recall.export.projector import write_projector

    place = pathlib.Path(folder) / "test"
    with tf.summary.create_file_writer(str(place)).as_default(step=epoch):
        for name, value in metrics.items():
            tf.summary.scalar(name, float(value))
    if "embed_item" in retriever.signatures:
        items = split.interactions.items
        if len(items) > MOST_ITEMS:
            most = items["item_id"].map(split.item_counts).fillna(0).nlargest(MOST_ITEMS).index
            warn(
                f"The projector has the {MOST_ITEMS:,} items with the most events, of "
                f"{len(items):,}: more are too many for a browser."
            )
            items = items.loc[most]
        write_projector(place, items, model.embed_items(items))
    else:
        warn("The model has no vectors of items: TensorBoard gets figures, and no projector.")
    say("Run written: ", (f"tensorboard --logdir {folder}", "bold"))
