"""Whether answers are those that were expected, rounding and ties allowed for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How alike the answers of one signature are to what was expected.

    Args:
        signature: its name.
        requests: how many rows were compared.
        share: of what was expected, lists item by item, that was found.
        difference: the largest between numbers that belong together, and between a found item that
            was not expected and the last that was, where it is better; as a share of the largest
            number of its row.
    """

    signature: str
    requests: int
    share: float
    difference: float


def agreement(
    signature: str,
    expected: Mapping[str, np.ndarray],
    found: Mapping[str, np.ndarray],
    tolerance: float,
) -> Agreement:
    """Compares outputs: lists by their items, whatever the order of ties; other numbers by place.

    An expected item is found where the list has it, with its score within the tolerance; and where
    the list lacks it because others, as good within the tolerance, took the last places. One
    that is better than what was expected last, and was not expected, counts as one not found.

    Args:
        expected, found: outputs by name.
        tolerance: between numbers, as a share of the largest one of the row.

    Raises: ValueError where names, shapes or types are not the same.

    >>> one = {"item_id": np.array([["a", "b"]]), "score": np.array([[2.0, 1.0]])}
    >>> other = {"item_id": np.array([["a", "c"]]), "score": np.array([[2.0, 0.5]])}
    >>> agreement("serving_default", one, other, tolerance=1e-4).share
    0.5
    """
    _check_alike(signature, expected, found)
    if {"item_id", "score"} <= set(expected):
        columns = [one[name] for one in (expected, found) for name in ("item_id", "score")]
        rows = [
            _of_lists(first, scores, second, others, tolerance)
            for first, scores, second, others in zip(*columns, strict=True)
        ]
    else:
        names = [name for name, value in expected.items() if value.dtype.kind == "f"]
        pairs = [(expected[name], found[name]) for name in names]
        rows = [
            _of_numbers(one, other, tolerance)
            for values in pairs
            for one, other in zip(*values, strict=True)
        ]
    shares, differences = zip(*rows, strict=True) if rows else ((1.0,), (0.0,))
    first = next(iter(expected.values()))
    return Agreement(signature, len(first), float(np.mean(shares)), float(np.max(differences)))


def _of_lists(expected_ids, expected_scores, ids, scores, tolerance) -> tuple[float, float]:
    """The share of expected items that are found, and the largest difference of scores."""
    real, there = np.isfinite(expected_scores), np.isfinite(scores)
    wanted = dict(zip(expected_ids[real].tolist(), expected_scores[real].tolist(), strict=True))
    have = dict(zip(ids[there].tolist(), scores[there].tolist(), strict=True))
    if not wanted:
        return float(not have), 0.0
    scale = _scale(expected_scores[real])
    last = min(have.values()) if len(have) >= len(wanted) else -np.inf
    least = min(wanted.values())
    other, lost, better, worst = 0, 0, 0, 0.0
    for item, score in wanted.items():
        if item in have:
            difference = abs(have[item] - score) / scale
            other += difference > tolerance
            worst = max(worst, difference)
        else:  # as good as the last item of the list, or it was displaced
            lost += (score - last) / scale > tolerance
    for item in have.keys() - wanted.keys():  # as good as the last item of those, or it is wrong
        difference = max(0.0, have[item] - least) / scale
        better += difference > tolerance
        worst = max(worst, difference)
    # What is wrong stands where something is lost.
    return max(0, len(wanted) - other - max(lost, better)) / len(wanted), worst


def _of_numbers(expected, found, tolerance) -> tuple[float, float]:
    both = np.isfinite(expected) & np.isfinite(found)
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    difference = np.where(both, np.abs(expected - found) / _scale(expected[both]), np.inf)
    difference = np.where(same, 0.0, difference)
    if not difference.size:
        return 1.0, 0.0
    return float((difference <= tolerance).mean()), float(difference.max())


def _scale(values: np.ndarray) -> float:
    largest = float(np.abs(values).max(initial=0.0))
    return largest if largest > 0 else 1.0


def _check_alike(signature, expected, found) -> None:
    for name in sorted({*expected, *found}):
        told = [
            f"{one[name].dtype} {list(one[name].shape)}" if name in one else "nothing"
            for one in (expected, found)
        ]
        if told[0] != told[1]:
            raise ValueError(
                f"{signature} was expected to give {told[0]} as {name!r}. Received: {told[1]}."
            )
