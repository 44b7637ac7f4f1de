"""Answers for everybody: an export asked part by part, into a folder of Parquet."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pyarrow as pa

from tfrec_recall.data.feeding.like_lengths import like_lengths
from tfrec_recall.export import LoadedRetriever
from tfrec_recall.export.place import refuse_among_versions
from tfrec_recall.export.version_files import fingerprint
from tfrec_recall.operations.answer_folder import AnswerFolder
from tfrec_recall.operations.answers import POSITION, Answers, told
from tfrec_recall.operations.requests import Part, Requests

T = TypeVar("T")
AT_ONCE = 3  # batches: while one makes or reads Python's objects, others are searched


@dataclasses.dataclass(frozen=True)
class Answered:
    """What is in the folder.

    Args:
        requests: how many were answered.
        rows: how many rows the answers have, in all parts.
        empty: requests with no row: nothing may be listed for them.
        parts: how many parts there are.
        resumed: how many of these were there before.
    """

    requests: int
    rows: int
    empty: int
    parts: int
    resumed: int


def answer_all(
    retriever: LoadedRetriever,
    requests: Requests,
    folder: str | os.PathLike[str],
    answers: Answers,
    batch_size: int = 512,
    part_size: int = 10_000,
    progress: Callable[[int, int], None] | None = None,
) -> Answered:
    """Asks an export about everybody, and leaves the answers in `part-00000.parquet`, ….

    A part has the requests in their order, and appears whole or not at all. A run that was killed
    is taken up by the same call, which goes on after the parts that are there: no request is lost
    or answered twice. `_SUCCESS` is there when all is; of no request there is a part without rows.
    Memory is that of three batches and three parts, as one is asked while the one before it is
    written and the one behind it read.

    Args:
        requests: `EveryUser`, `UsersOfFile` or `EveryItem`.
        folder: new, empty, or one that this run began: `_manifest.json` knows the export, the
            requests, the answers and the size of the parts, and others are refused.
        answers: `Recommendations(k, filters)`, `SimilarItems(k, filters)`, `QueryVectors()` or
            `ItemVectors()`.
        batch_size: requests in one call of the graph, at most: those with long histories are fewer.
        part_size: requests in a part.
        progress: called with requests done and requests in all, after each batch.

    Raises: ValueError for a folder with something else or within an export, or what the export
        cannot answer; OSError of the kind that occurred.
    """
    for name, size in (("batch_size", batch_size), ("part_size", part_size)):
        if size < 1:
            raise ValueError(f"{name} is a number of requests, at least 1. Received: {size}.")
    refuse_among_versions(folder, "folder (--out)")
    answers.check(retriever)
    settings = {
        "export": fingerprint(retriever.path),
        "requests": requests.source,
        "answers": told(answers),
        "part_size": int(part_size),
    }
    place = AnswerFolder(pathlib.Path(folder), settings)
    counts: list[dict[str, int]] = []
    resumed, done, total = 0, 0, len(requests)
    with place.opened(), _threads(AT_ONCE) as askers, _threads(1) as writer:

        def begun() -> Iterator[tuple[int, Part, dict[str, int] | list[Future[pa.Table]]]]:
            for number, part in enumerate(requests.parts(part_size)):
                there = place.counted(number)
                yield number, part, there or asked(retriever, part, answers, batch_size, askers)

        writing: list[Future[dict[str, int]]] = []
        for number, part, found in _with_next(begun()):
            if isinstance(found, dict):
                counts.append(found)
                done += found["requests"]
                resumed += 1
                continue
            tables = []
            for batch, rows in zip(found, like_lengths(part.lengths, batch_size), strict=True):
                tables.append(batch.result())
                done += len(rows)
                if progress is not None:
                    progress(done, total)
            counts += [one.result() for one in writing]
            writing = [writer.submit(_write, place, number, part, requests.subject, tables)]
        counts += [one.result() for one in writing]
        if not counts:  # a reader of the folder finds the columns all the same
            there = place.counted(0)
            counts.append(there or _write_none(place, requests, answers.empty(retriever)))
            resumed += there is not None
        if not place.complete:
            place.finish()
    sums = {name: sum(one[name] for one in counts) for name in ("requests", "rows", "empty")}
    return Answered(**sums, parts=len(counts), resumed=resumed)


def asked(
    retriever: LoadedRetriever, part: Part, answers: Answers, batch_size: int, askers: Executor
) -> list[Future[pa.Table]]:
    """The answers to a part, batch by batch, in an order of its own: see `in_order`.

    Requests with histories of like length are asked together, so that few pad for one.
    """

    def ask(rows: np.ndarray) -> pa.Table:
        return answers.table(answers.asked(retriever, *part.batch(rows)), rows)

    return [askers.submit(ask, rows) for rows in like_lengths(part.lengths, batch_size)]


def in_order(part: Part, subject: str, tables: list[pa.Table]) -> pa.Table:
    """The answers to a part, in the order of its requests: `POSITION`, the subject, the answer."""
    table = pa.concat_tables(tables).combine_chunks()
    position = table[POSITION].to_numpy()
    if (np.diff(position) < 0).any():
        table = table.take(np.argsort(position, kind="stable"))
    return table.add_column(1, subject, part.ids.take(table[POSITION].combine_chunks()))


def _write(
    place: AnswerFolder, number: int, part: Part, subject: str, tables: list[pa.Table]
) -> dict[str, int]:
    """Writes a part; what it counts."""
    table = in_order(part, subject, tables)
    position = table[POSITION].to_numpy()
    # The rows of one request are below each other.
    with_rows = int(len(position) > 0) + int(np.count_nonzero(np.diff(position)))
    requests = len(part.ids)
    counted = {"requests": requests, "rows": len(table), "empty": requests - with_rows}
    place.write(number, table.drop_columns(POSITION), counted)
    return counted


def _write_none(place: AnswerFolder, requests: Requests, table: pa.Table) -> dict[str, int]:
    """Writes a part of no request; what it counts."""
    counted = {"requests": 0, "rows": 0, "empty": 0}
    table = table.add_column(1, requests.subject, pa.array([], requests.id_type))
    place.write(0, table.drop_columns(POSITION), counted)
    return counted


def _with_next(values: Iterator[T]) -> Iterator[T]:
    """The same values, each one when the next is there too."""
    before = list(itertools.islice(values, 1))
    for value in values:
        yield from before
        before = [value]
    yield from before


@contextlib.contextmanager
def _threads(count: int) -> Iterator[Executor]:
    """Threads that leave what they have not begun, if something else failed."""
    with ThreadPoolExecutor(count) as threads:
        try:
            yield threads
        except BaseException:
            threads.shutdown(wait=True, cancel_futures=True)
            raise
