"""The graph that joins items of one sequence, or of one set where events have no order."""

from __future__ import annotations

from typing import Protocol

import scipy.sparse as sp

from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import tell
from tfrec_recall.data.sequences import by_sessions, require_pairs, sequences
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features
from tfrec_recall.graph import basket_graph, item_graph


class OfSequences(Protocol):
    """A model of such a graph, with what its arguments say of it."""

    features: Features
    reach: int
    by_session: bool | None
    gap: float | None


def joined(model: OfSequences, train: Interactions, both_ways: bool = False) -> sp.csr_array:
    """Edges between encoded ids, by how often items were taken after each other, or together.

    From each item to `reach` that follow in its sequence; between all of a basket, where the
    features know sessions as such, and where they know no order, of a user or a session: by 1 / n
    in a set of n.

    Args:
        both_ways: edges of an order lead back, too; those of a set do anyway.

    Raises: ValueError for events without times where the features know an order.
    """
    features, ordered = model.features, model.features.has_order
    if ordered:
        train.require_time(
            f"{type(model).__name__}, whose features were adapted to events with times,",
            "features that were adapted to events without, of which each user's are a set",
        )
    sets = not ordered or (features.has_baskets and by_sessions(train, model.by_session))
    events, sequence = sequences(train, model.by_session, model.gap, ordered)
    encoding = features.ids("item_id")
    item = encoding.encode(events["item_id"])
    known = item >= FIRST_KNOWN
    if sets:
        return basket_graph(item[known], sequence[known], encoding.size)
    graph = item_graph(item[known], sequence[known], encoding.size, model.reach)
    return sp.csr_array(graph + graph.T) if both_ways else graph


def require_joined(model: OfSequences, graph: sp.csr_array, train: Interactions) -> None:
    """Raises NoExample for a graph without edges that the events' sequences do not allow."""
    if not graph.nnz:
        ordered = model.features.has_order
        found = sequences(train, model.by_session, model.gap, ordered)
        require_pairs(type(model).__name__, *found)


def tell_of_sets(model: OfSequences, usual: int) -> None:
    """Tells of the graph where the features know no order, and of a reach that baskets do not have.

    Args:
        usual: a reach that nobody has asked for.
    """
    name, baskets = type(model).__name__, model.features.has_baskets
    if baskets and model.by_session is not False and model.reach != usual:
        tell(
            f"{name}: sessions are baskets, whose items are all joined: reach={model.reach} has no "
            "effect."
        )
    if not model.features.has_order:
        tell(
            f"{type(model).__name__}: the events have no timestamps, so that all items of a user, "
            "or of a session, are joined as a set, each pair by 1 / n in a set of n; reach has no "
            "effect."
        )
