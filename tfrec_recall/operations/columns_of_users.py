"""What a Parquet file of users holds: its parts, and its columns by what they are asked with."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading.parts import parquet_parts
from tfrec_recall.evaluation.queries import HISTORY, of_history
from tfrec_recall.retrieval import Retriever

USER, EXCLUDE = "user_id", "exclude"
FILTERS = ("where_", "min_", "max_")  # what the names of filters begin with


def files_of(path: pathlib.Path) -> list[pathlib.Path]:
    """The Parquet files that a path stands for; see `parquet_parts`.

    Raises: FileNotFoundError if there is none, ValueError as `parquet_parts`.
    """
    found = [path] if path.exists() else []
    if path.is_dir():
        found = parquet_parts(path)
    if not found:
        seen = sorted(one.name for one in path.iterdir())[:5] if path.is_dir() else "nothing there"
        raise FileNotFoundError(
            f"There is no Parquet file at {path}, as users are given in. Received: {seen}."
        )
    return found


def columns_of(path: str | pathlib.Path) -> list[str]:
    """The names of the columns, which all files of a folder have.

    Raises: ValueError for what is no Parquet, has no user_id, or has other columns than the first.
    """
    first: list[str] | None = None
    for file in files_of(pathlib.Path(path)):
        try:
            names = pq.read_schema(file).names
        except pa.ArrowInvalid as error:
            raise ValueError(
                f"Users are given as Parquet, with a column user_id. Received: {file}, which is "
                f"none: {error}"
            ) from error
        if USER not in names:
            raise ValueError(
                f"{file} has no column 'user_id'. Received columns: {', '.join(names)}."
            )
        if first is not None and set(names) != set(first):
            raise ValueError(
                f"All files of a folder have the same columns. Received: {', '.join(names)} in "
                f"{file}, and before it {', '.join(first)}."
            )
        first = first or names
    return first or []


def needed(columns: list[str], inputs: Mapping[str, tf.TensorSpec]) -> list[str]:
    """The inputs that a file with these columns lacks.

    Raises: ValueError where it has some of those that tell of histories: others have other events.
    """
    lacking = sorted(set(inputs) - set(columns))
    told = of_events(inputs)
    there = [name for name in told if name not in lacking]
    if 0 < len(there) < len(told):
        away = [name for name in told if name in lacking]
        raise ValueError(
            f"{', '.join(told)} tell of the same events, and are all in the file or all from the "
            f"data: add {', '.join(away)}, in each cell a list as long as the history or, where "
            f"it is not known, none; or leave {', '.join(there)} out. "
            f"Received columns: {', '.join(columns)}."
        )
    return lacking


def check_read(path: str | pathlib.Path, columns: list[str], retriever: Retriever) -> None:
    """Tells which columns nothing is asked with.

    Raises: ValueError for one that is named as a filter: no list would be chosen by it.
    """
    inputs, filters = retriever.inputs, retriever.filter_inputs
    unread = [n for n in columns if n not in {USER, HISTORY, EXCLUDE, *inputs, *filters}]
    wishes = [name for name in unread if name.startswith(FILTERS)]
    if wishes:
        raise ValueError(
            f"Columns whose names begin with {', '.join(FILTERS)} are what lists are chosen by, of "
            "what the export was told to choose by (train --filterable): "
            f"{', '.join(filters) or 'nothing'}. Give others another name, or leave them out. "
            f"Received: {', '.join(wishes)} in {path}."
        )
    if unread:
        tell(
            f"Nothing is asked with these columns of {path}, which are not read: "
            f"{', '.join(unread)}. The export is asked with {', '.join(inputs)}."
        )


def of_events(inputs: Mapping[str, tf.TensorSpec]) -> list[str]:
    """The inputs that have a value for each event of a history."""
    return [name for name, spec in inputs.items() if of_history(name) and spec.shape.rank == 2]


def digest(files: list[pathlib.Path]) -> str:
    """A text that is the same only for the same bytes in the same files."""
    whole = hashlib.sha256()
    for file in files:
        with open(file, "rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()[:16]
