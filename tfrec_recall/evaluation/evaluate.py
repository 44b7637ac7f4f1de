"""Full-ranking evaluation of any retriever: what is measured is what would be served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfrec_recall.data.checking.checks import check_same_type
from tfrec_recall.data.ids import id_column
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.evaluation import metrics
from tfrec_recall.evaluation.pairs import Pairs
from tfrec_recall.evaluation.queries import TIMESTAMP, Queries, first_of_each
from tfrec_recall.evaluation.ranking import NONE, Items, among, whole_catalogue
from tfrec_recall.evaluation.report import Report
from tfrec_recall.evaluation.targets import Targets

if TYPE_CHECKING:
    from tfrec_recall.data.splits import Split
    from tfrec_recall.retrieval import Retriever

CUTS = (10, 50, 100)
PUBLISHED_CUTS = (10, 20, 50, 100)  # splits that come with a benchmark are often measured at 20
FEW_UNMET = 0.05  # of the items: as many without an event are no other catalogue
NO_REPEATS = (
    "No list holds an item of its user's history: this retriever leaves them out by itself, and "
    "what people take again is a miss."
)


def default_cuts(split: Split) -> tuple[int, ...]:
    """The cuts where none are asked for; 20 is among them for a split that came with the data."""
    return PUBLISHED_CUTS if split.published else CUTS


@of_kinds
def evaluate(
    retriever: Retriever,
    split: Split,
    on: str = "test",
    cuts: Sequence[int] | None = None,
    batch_size: int = 512,
    candidates: pd.DataFrame | None = None,
    k: int | None = None,
    repeats: bool = False,
    lists: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Ranks the whole catalogue for every user with a target and says how many targets it found.

    A query is built from the user's history, the users table, and the time and context of the
    request, which are those of the first target; of what was chosen it holds nothing. The items of
    the history are left out of the lists. An item that a user wants several times is one target.
    Targets that no list can hold, being items of the history, are left out of the mean, and so are
    users without any other. A target that the retriever does not hold is a miss. The report's notes
    say how many there are of each.

    Memory is that of one batch, plus users × k numbers when the lists are kept.

    Args:
        retriever: in this process or loaded from disk.
        split: whose part is measured.
        on: "test" or "validation".
        cuts: the k of recall@k and of every other metric, any numbers; by default 10, 50 and 100,
            and 20 as well for a split that came with the data.
        batch_size: queries in one call. Users with histories of like length share a batch.
        candidates: user_id, item_id: rank only these items for each user, as published benchmarks
            with 100 candidates a user do. Items of the history are then not left out.
        k: places ranked for each user; the largest cut unless given.
        repeats: rank the items of the history like all others, for data where people buy or listen
            again; they can then be targets.
        lists: keep the ranked lists, `Report.lists`.
        progress: called with users done and users in all, after each batch.

    Raises: ValueError when the retriever and the split have no item in common, when an input of the
        retriever is not in the data, when candidates are ids of another type, or when a returned
        list breaks the rules: an item twice, or one of the user's history.

    >>> import tensorflow as tf
    >>> from tfrec_recall.data import Interactions, splits
    >>> from tfrec_recall.retrieval import EmbeddingRetriever
    >>> events = pd.DataFrame({"user_id": 1, "item_id": list("abcd"), "timestamp": range(4)})
    >>> split = splits.last_events_out(Interactions(events), test=1, validation=1)
    >>> retriever = EmbeddingRetriever(
    ...     lambda raw: tf.ones_like(raw["user_id"], tf.float32)[:, tf.newaxis],
    ...     ["a", "b", "c", "d"],
    ...     vectors=[[4.0], [3.0], [2.0], [1.0]],
    ...     inputs={"user_id": tf.TensorSpec([None], tf.int64)},
    ... )
    >>> report = evaluate(retriever, split, cuts=(1,))
    >>> report.lists["item_id"].tolist(), report.metrics["recall@1"]
    (['d'], 1.0)
    """
    cuts, k = _checked_cuts(default_cuts(split) if cuts is None else cuts, k)
    if candidates is not None:
        candidates = _of_candidates(candidates, split)
    if repeats and candidates is not None:
        raise ValueError(
            "Given candidates are ranked whether the user had them or not: leave repeats out. "
            "Received: candidates and repeats=True."
        )
    part = split.part(on)
    items = Items(split.interactions.items["item_id"], retriever)
    found = Targets.of(part, items.all, repeats or candidates is not None, on)
    users, targets, wanted = found.users, found.pairs, found.counts
    asked = first_of_each(part.targets, users)
    queries = Queries(
        retriever.inputs,
        users,
        part.history,
        table=split.interactions.users,
        timestamps=asked[TIMESTAMP].to_numpy() if TIMESTAMP in asked else None,
        context=asked,
    )
    had = Pairs.of_rows(*queries.seen_pairs(), items.all)
    chosen = None
    if candidates is None:
        left_out = None if repeats else had
        ranked = whole_catalogue(retriever, queries, items, k, batch_size, left_out)
    else:
        chosen = Pairs.of(candidates, users, items.all)
        _check_candidates(chosen, users)
        ranked = among(chosen, retriever, queries, items, k, batch_size)

    popularity = _popularity(split.item_counts, items.catalogue)
    positions = np.full((len(users), k), NONE, np.int32) if lists else None
    scores = np.full((len(users), k), -np.inf, np.float32) if lists else None
    exposure = np.zeros((len(cuts), len(items.catalogue)), np.int64)
    measured = {f"{name}@{cut}": np.zeros(len(users)) for cut in cuts for name in metrics.RANKING}
    done = repeated = 0
    for rows, position, score in ranked:
        hits = targets.holds(rows, position)
        for row, cut in enumerate(cuts):
            for name, metric in metrics.RANKING.items():
                measured[f"{name}@{cut}"][rows] = metric(hits, wanted[rows], cut)
            shown = position[:, :cut]
            shown = shown[(shown != NONE) & (shown < len(items.catalogue))]
            exposure[row] += np.bincount(shown, minlength=len(items.catalogue))
        if positions is not None and scores is not None:
            positions[rows], scores[rows] = position, score
        repeated += int(had.holds(rows, position).sum()) if repeats else 0
        done += len(rows)
        if progress is not None:
            progress(done, len(users))

    way = ", among candidates" if chosen is not None else ", with repeats" * repeats
    return Report(
        title=f"{split.interactions.name}, {split.name}, {on}{way}",
        cuts=cuts,
        per_user=pd.DataFrame(
            {"targets": wanted, "history": queries.history_length, **measured},
            index=pd.Index(users, name="user_id"),
        ),
        exposure=exposure,
        popularity=popularity,
        item_ids=items.all,
        positions=positions,
        scores=scores,
        notes=(
            *found.notes,
            *_notes(items, targets, chosen, len(users)),
            *(
                _unmet(popularity, had, targets)
                if candidates is None
                else _left_aside(candidates, users, items.all)
            ),
            *([NO_REPEATS] if repeats and len(had) and not repeated else []),
        ),
        measure=_measure(items, targets, chosen),
    )


def _checked_cuts(cuts: Sequence[int], k: int | None) -> tuple[tuple[int, ...], int]:
    """The cuts in their order, each once, and how many places hold them all."""
    given = list(cuts) if isinstance(cuts, Iterable) else []
    numbers = [*given, *([] if k is None else [k])]
    if not given or not all(isinstance(one, Integral) and type(one) is not bool for one in numbers):
        raise ValueError(f"Cuts are whole numbers from 1 to k. Received: cuts={cuts!r}, k={k!r}.")
    found = tuple(sorted({int(cut) for cut in given}))
    places = found[-1] if k is None else int(k)
    if not 1 <= found[0] <= found[-1] <= places:
        raise ValueError(f"Cuts are whole numbers from 1 to k. Received: cuts={found}, k={places}.")
    return found, places


def _measure(items: Items, targets: Pairs, chosen: Pairs | None) -> dict[str, int | None]:
    """Numbers that tell whether another report is of the same items, targets and candidates."""
    keys = pd.util.hash_pandas_object(items.catalogue, index=False).to_numpy()
    candidates = None if chosen is None else chosen.digest(keys)
    return {"items": int(keys.sum()), "targets": targets.digest(keys), "candidates": candidates}


def _popularity(counts: pd.Series, catalogue: pd.Index) -> np.ndarray:
    return counts.reindex(catalogue, fill_value=0).to_numpy()


def _check_candidates(chosen: Pairs, users: np.ndarray) -> None:
    without = chosen.counts(len(users)) == 0
    if without.any():
        raise ValueError(
            "Every user with a target needs candidates. Received: none known for "
            f"{int(without.sum())} of {len(users)} users, the first {users[without][:3].tolist()}."
        )


def _of_candidates(candidates: pd.DataFrame, split: Split) -> pd.DataFrame:
    """The pairs of ids.

    Raises: ValueError for a table that has none, or ids of another type than those of the events.
    """
    columns = ("user_id", "item_id")
    if not set(columns) <= set(candidates.columns):
        raise ValueError(
            "evaluate takes candidates as a table with the columns user_id and item_id. "
            f"Received: {list(candidates.columns)}."
        )
    ids = {column: id_column(candidates, "candidates", column) for column in columns}
    pairs = pd.DataFrame(ids)
    for column in columns:
        check_same_type(split.interactions.events, pairs, "candidates", column)
    return pairs


def _left_aside(candidates: pd.DataFrame, users: np.ndarray, items: pd.Index) -> list[str]:
    """A note where candidates are items that neither the catalogue nor the retriever holds."""
    of_asked = candidates["item_id"][candidates["user_id"].isin(users)]
    unknown = int((~of_asked.isin(items)).sum())
    if not unknown:
        return []
    return [
        f"{unknown:,} of {len(of_asked):,} candidates are items that neither the catalogue nor the "
        "retriever holds: they are left out, so that these users have fewer to rank among."
    ]


def _unmet(popularity: np.ndarray, had: Pairs, targets: Pairs) -> list[str]:
    """A note where the catalogue is more than the items of the events: others may rank these."""
    met = popularity > 0
    for pairs in (had, targets):
        met[pairs.items[pairs.items < len(met)]] = True
    unmet = int((~met).sum())
    if unmet <= FEW_UNMET * len(met):
        return []
    return [
        f"{unmet:,} of the {len(met):,} items are in no event that was learnt or asked about. They "
        "are ranked too, and count in the coverage: take them out of the table of items to compare "
        "with figures over the items of the events."
    ]


def _notes(items: Items, targets: Pairs, chosen: Pairs | None, users: int) -> list[str]:
    """What a reader of the figures has to know besides them."""
    notes = []
    unheld = int((~items.held[targets.items]).sum())
    if unheld:
        notes.append(f"{unheld:,} targets are items the retriever does not hold: they are misses.")
    extra = len(items.all) - len(items.catalogue)
    if extra:
        notes.append(f"{extra:,} items of the retriever are not in the catalogue of the split.")
    if chosen is not None:
        mean = len(chosen) / users
        notes.append(f"Ranked among {mean:,.0f} given candidates a user, not the whole catalogue.")
        missing = len(targets.without(chosen))
        if missing:
            notes.append(f"{missing:,} targets are not among the candidates: they are misses.")
    return notes
