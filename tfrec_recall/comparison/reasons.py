"""Why an item is in a list, as far as a retriever can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfrec_recall.evaluation.queries import HISTORY

if TYPE_CHECKING:
    from tfrec_recall.evaluation import Queries
    from tfrec_recall.retrieval import Retriever

NEIGHBOURS = 200  # of an item of the history
TRIGGERS = 2  # that are told of an item
ASKED_BY = {"user_id", HISTORY}  # either knows a user by what the history holds
LATEST = 50  # items of the history that are asked for their neighbours
Reason = dict[str, Any]


def reasons(
    retriever: Retriever,
    queries: Queries,
    rows: np.ndarray,
    lists: list[list[Any]],
    repeats: bool = False,
) -> list[list[Reason]]:
    """Of each item of each list: `near`, the items of the history that it is most similar to, with
    their similarity, where the retriever is asked by the history or the user's id; `interest`,
    which of several interests found it, from 0; `channel`, which part of a blend did. What a
    retriever cannot tell is not there.

    Args:
        rows: of the queries whose lists these are.
        lists: raw item ids, best first.
        repeats: whether they hold the items of the history.
    """
    told: list[list[Reason]] = [[{} for _ in items] for items in lists]
    for name, signature in (
        ("interest", "recommend_with_interest"),
        ("channel", "recommend_with_channel"),
    ):
        if signature in retriever.signatures:
            _add(told, name, _by_part(getattr(retriever, signature), queries, rows, repeats), lists)
    index = retriever.report.get("index") or {}
    knows = not ASKED_BY.isdisjoint(retriever.inputs)
    # By one number, all items are alike or opposite: that is no reason.
    if knows and "similar_items" in retriever.signatures and index.get("dim") != 1:
        for row, items, own in zip(rows, lists, told, strict=True):
            near = _near(retriever, queries, row)
            for item, reason in zip(items, own, strict=True):
                if item in near:
                    best = sorted(near[item], key=lambda one: -one[1])[:TRIGGERS]
                    reason["near"] = [[trigger, round(score, 3)] for trigger, score in best]
    return told


def _by_part(ask: Any, queries: Queries, rows: np.ndarray, repeats: bool) -> list[dict[Any, Any]]:
    """Of each list, what brought each of its items."""
    found = []
    for row in rows:
        one = np.array([row])
        exclude = None if repeats else queries.seen(one)
        items, _, part = ask(queries.batch(one), exclude=exclude)
        pairs = zip(plain(items.numpy()[0]), plain(part.numpy()[0]), strict=True)
        found.append({item: which for item, which in pairs if which not in (-1, "")})
    return found


def _add(told: Any, name: str, parts: list[dict[Any, Any]], lists: list[list[Any]]) -> None:
    for own, part, items in zip(told, parts, lists, strict=True):
        for reason, item in zip(own, items, strict=True):
            if item in part:
                reason[name] = part[item]


def _near(retriever: Retriever, queries: Queries, row: int) -> dict[Any, list[tuple[Any, float]]]:
    """Items by id, with the items of the user's history that have them among their neighbours."""
    had = [item for item in plain(queries.seen(np.array([row])).numpy()[0]) if item not in ("", -1)]
    had = list(dict.fromkeys(had[::-1]))[:LATEST]
    if not had:
        return {}
    k = min(NEIGHBOURS, len(retriever.item_ids))
    items, scores = retriever.similar_items(np.array(had), k=k)
    near: dict[Any, list[tuple[Any, float]]] = {}
    for trigger, found, score in zip(had, items.numpy(), scores.numpy(), strict=True):
        for item, value in zip(plain(found), score.tolist(), strict=True):
            if np.isfinite(value):
                near.setdefault(item, []).append((trigger, value))
    return near


def plain(ids: np.ndarray) -> list[Any]:
    """Ids, or names, out of an array in Python's own types, as JSON takes them.

    >>> plain(np.array([np.int64(3), b"s4", "s5"], dtype=object))
    [3, 's4', 's5']
    """
    own = [one.item() if isinstance(one, np.generic) else one for one in ids.tolist()]
    return [one.decode() if isinstance(one, bytes) else one for one in own]
