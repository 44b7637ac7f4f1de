"""An export held to what it answered when it was written, and measured."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.export.expected_answers import FILE, Answer, read_answers
from tfrec_recall.export.version_files import EXTRA, card_of, newest_version
from tfrec_recall.operations.agreement import Agreement, agreement
from tfrec_recall.operations.memory import resident
from tfrec_recall.serving.refusal import Refusal
from tfrec_recall.serving.servable import DEFAULT, Servable

PERCENTILES = (50, 90, 99)
UNMEASURED = 3  # requests of a size before those that are measured


@dataclasses.dataclass(frozen=True)
class Latency:
    """How long requests of one size took, one after another.

    Args:
        batch: queries in a request.
        requests: how many were measured.
        milliseconds: of a request, by percentile: "p50" and so on.
        queries_per_second: of all of them.
    """

    batch: int
    requests: int
    milliseconds: dict[str, float]
    queries_per_second: float


@dataclasses.dataclass(frozen=True)
class Check:
    """What a check found.

    Args:
        export: the directory of the version.
        problems: what is wrong, in words; empty where the export is as it was written.
        load_seconds: until it was loaded and had answered its warm-up requests.
        memory: MiB that it took: "loaded", and "used" after all requests.
        answers: how alike they are to those stored, by signature.
        latency: by size of request.
    """

    export: str
    problems: tuple[str, ...]
    load_seconds: float
    memory: dict[str, float]
    answers: tuple[Agreement, ...]
    latency: tuple[Latency, ...]


def check(
    path: str | os.PathLike[str],
    batches: Sequence[int] = (1, 16, 256),
    requests: int = 100,
    tolerance: float = 1e-4,
    agree: float = 1.0,
) -> Check:
    """Loads an export as a server does, and compares what it answers with what it answered then.

    The tables beside the graph are read, and the warm-up requests replayed, as at every load. The
    stored answers are those of the graph when it was written: a copy that was damaged on its way,
    another machine's arithmetic and another version of TensorFlow show in them.

    Args:
        path: the directory of the versions, of which the newest is taken, or that of one version.
        batches: the numbers of queries in a request whose latency is measured.
        requests: how many are measured of each.
        tolerance: of numbers, as a share of the largest of their row.
        agree: the share of expected items that lists must have. All of them, where the machine is
            of the same kind; an approximate index on another kind may find a few others.

    Raises: FileNotFoundError if there is no export; ValueError if it cannot be loaded, or does not
        answer its own warm-up requests.
    """
    if not batches or min(batches) < 1 or requests < 1:
        raise ValueError(
            "A check measures requests of 1 query or more, at least one of each size. "
            f"Received: batches={tuple(batches)}, requests={requests}."
        )
    version = newest_version(pathlib.Path(path))
    before, started = resident(), time.perf_counter()
    servable = Servable(version)
    seconds, loaded = time.perf_counter() - started, resident()
    stored, card = read_answers(version / EXTRA), card_of(version)
    problems = [*_of_card(card, servable), *_of_tables(version), *_unasked(card, servable, stored)]
    answers = []
    for one in stored:
        try:
            found = servable.run(one.signature, one.inputs)
            compared = agreement(one.signature, one.outputs, found, tolerance)
        except (Refusal, ValueError) as error:
            problems.append(f"{one.signature}: {error}")
            continue
        answers.append(compared)
        if compared.share < agree or (compared.difference > tolerance and agree == 1):
            problems.append(
                f"{one.signature}: {compared.share:.1%} of what was expected is found, {agree:.1%} "
                f"is wanted; numbers differ by up to {compared.difference:.2g}, {tolerance:.2g} is "
                "allowed"
            )
    asked = next((one for one in stored if one.signature == DEFAULT), None)
    latency = [_latency(servable, asked, size, requests) for size in batches] if asked else []
    mib = {"loaded": loaded - before, "used": resident() - before}
    return Check(
        export=str(version),
        problems=tuple(problems),
        load_seconds=round(seconds, 3),
        memory={name: round(size / 2**20, 1) for name, size in mib.items()},
        answers=tuple(answers),
        latency=tuple(latency),
    )


def _of_card(card: Mapping[str, Any], servable: Servable) -> list[str]:
    """Where the model card and the graph do not tell the same."""
    if not card:
        return [f"there is no model card that can be read in {EXTRA}"]
    told, have = set(card.get("signatures") or {}), _signatures(servable)
    if told != have:
        return [f"the card tells of the signatures {sorted(told)}, the graph has {sorted(have)}"]
    return []


def _unasked(card: Mapping[str, Any], servable: Servable, stored: Sequence[Answer]) -> list[str]:
    """The signatures that no stored answer is of, and why, where the card tells it."""
    warmup = card.get("warmup") or {}
    if not stored:
        why = warmup.get("why") or "export again"
        return [f"nothing to compare with: {EXTRA}/{FILE} is missing; {why}"]
    refused = warmup.get("refused") or {}
    problems = []
    for name in sorted(_signatures(servable) - {one.signature for one in stored}):
        why = f"it refused its request ({refused[name]})" if name in refused else "it was not asked"
        problems.append(
            f"{name}: nothing to compare with, and no warm-up request: {why} when the export was "
            "written; export again"
        )
    return problems


def _signatures(servable: Servable) -> set[str]:
    """Those that are asked, without TensorFlow's own."""
    return {name for name in servable.definitions if not name.startswith("__")}


def _of_tables(version: pathlib.Path) -> list[str]:
    """The tables beside the graph that cannot be read to their end."""
    problems = []
    for path in sorted((version / EXTRA).rglob("*.parquet")):
        try:
            with pq.ParquetFile(path) as table:
                for _ in table.iter_batches():
                    pass
        except (OSError, pa.ArrowException) as error:
            problems.append(f"{path.relative_to(version)} cannot be read: {error}")
    return problems


def _latency(servable: Servable, asked: Answer, size: int, requests: int) -> Latency:
    inputs = repeated(asked.inputs, size)
    for _ in range(UNMEASURED):
        servable.run(asked.signature, inputs)
    seconds = []
    for _ in range(requests):
        started = time.perf_counter()
        servable.run(asked.signature, inputs)
        seconds.append(time.perf_counter() - started)
    milliseconds = 1000 * np.percentile(seconds, PERCENTILES)
    named = {f"p{p}": round(ms, 3) for p, ms in zip(PERCENTILES, milliseconds, strict=True)}
    return Latency(size, requests, named, round(size * requests / sum(seconds), 1))


def repeated(inputs: Mapping[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """The rows of a request over and over, until there are so many.

    >>> repeated({"user_id": np.array([4, 7])}, 3)["user_id"]
    array([4, 7, 4])
    """
    return {name: value[np.arange(size) % len(value)] for name, value in inputs.items()}
