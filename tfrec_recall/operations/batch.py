"""Answers for everybody: an export asked part by part, into a folder of Parquet."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from tfrec_recall.export import LoadedRetriever
from tfrec_recall.export.version_files import fingerprint
from tfrec_recall.operations.answer_folder import AnswerFolder
from tfrec_recall.operations.answers import POSITION, Answers
from tfrec_recall.operations.requests import Part, Requests


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
    or answered twice. `_SUCCESS` is there when all is. Memory is that of two parts, one of which is
    being written while the next is asked.

    Args:
        requests: `EveryUser`, `UsersOfFile` or `EveryItem`.
        folder: new, empty, or one that this run began: `_manifest.json` knows the export, the
            requests, the answers and the size of the parts, and others are refused.
        answers: `Recommendations(k)`, `SimilarItems(k)`, `QueryVectors()` or `ItemVectors()`.
        batch_size: requests in one call of the graph.
        part_size: requests in a part.
        progress: called with requests done and requests in all, after each batch.

    Raises: ValueError for a folder with something else, or what the export cannot answer; OSError
        of the kind that occurred.
    """
    for name, size in (("batch_size", batch_size), ("part_size", part_size)):
        if size < 1:
            raise ValueError(f"{name} is a number of requests, at least 1. Received: {size}.")
    answers.check(retriever)
    settings = {
        "export": fingerprint(retriever.path),
        "requests": requests.source,
        "answers": {"kind": type(answers).__name__, **dataclasses.asdict(answers)},  # type: ignore[call-overload]
        "part_size": part_size,
    }
    place = AnswerFolder(pathlib.Path(folder), settings)
    counts: list[dict[str, int]] = []
    resumed, total = 0, len(requests)
    with place.opened(), ThreadPoolExecutor(1) as writer:
        writing: Future | None = None
        for number, part in enumerate(requests.parts(part_size)):
            counted = place.counted(number)
            if counted is None:
                done = sum(one["requests"] for one in counts)

                def tell(answered: int, done: int = done) -> None:
                    if progress is not None:
                        progress(done + answered, total)

                table = answered(
                    retriever, part, requests.subject, answers, batch_size, writer, tell
                )
                asked = len(part.ids)
                counted = {"requests": asked, "rows": len(table), "empty": asked - _answered(table)}
                table = table.drop_columns(POSITION)
                if writing is not None:
                    writing.result()
                writing = writer.submit(place.write, number, table, counted)
            else:
                resumed += 1
            counts.append(counted)
        if writing is not None:
            writing.result()
        if not place.complete:
            place.finish()
    sums = {name: sum(one[name] for one in counts) for name in ("requests", "rows", "empty")}
    return Answered(**sums, parts=len(counts), resumed=resumed)


def answered(
    retriever: LoadedRetriever,
    part: Part,
    subject: str,
    answers: Answers,
    batch_size: int,
    writer: Executor,
    tell: Callable[[int], None],
) -> pa.Table:
    """The answers to a part, in the order of its requests: `POSITION`, the subject, the answer.

    Requests with histories of like length are asked together, so that few pad for one.

    Args:
        writer: makes a batch's answers a table while the next one is asked.
    """
    order = np.argsort(part.lengths, kind="stable")
    made = []
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        said = answers.asked(retriever, *part.batch(rows))
        made.append(writer.submit(answers.table, said, rows))
        tell(first + len(rows))
    table = pa.concat_tables([one.result() for one in made]).combine_chunks()
    position = table[POSITION].to_numpy()
    if (np.diff(position) < 0).any():
        table = table.take(np.argsort(position, kind="stable"))
    return table.add_column(1, subject, part.ids.take(table[POSITION].combine_chunks()))


def _answered(table: pa.Table) -> int:
    """How many requests have a row; those of one are below each other."""
    position = table[POSITION].to_numpy()
    return int(len(position) > 0) + int(np.count_nonzero(np.diff(position)))
