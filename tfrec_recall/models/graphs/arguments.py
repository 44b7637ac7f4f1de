"""What the models of nodes refuse."""

from __future__ import annotations

import scipy.sparse as sp

from tfrec_recall.data.arguments import flag, number, whole, without_effect
from tfrec_recall.data.examples import NoExample


def check_nodes(
    owner: str,
    dim: int,
    power: float,
    with_id: bool,
    hide_edges: bool,
    cold_rate: float,
    seed: int,
) -> None:
    """Raises ValueError by name for what a model of nodes cannot be made with."""
    whole(owner, dim, "dim")
    number(owner, power, "power", least=0)
    flag(owner, with_id, "with_id")
    flag(owner, hide_edges, "hide_edges")
    number(owner, cold_rate, "cold_rate", least=0, below=1)
    whole(owner, seed, "seed", least=0)


def cold_rate_beside(owner: str, cold_rate: float, default: float, side: bool) -> float:
    """The share of items to show without their id: none where the id is all that is seen of them.

    Args:
        default: a value that nobody has asked for.
        side: whether anything is seen beside the id.

    Raises: ValueError for a share that was asked for, and has no effect.
    """
    if side:
        return cold_rate
    if cold_rate:
        because = "where there is side information"
        without_effect(owner, cold_rate, default, "cold_rate", because)
    return 0.0


def require_next(owner: str, has_order: bool, has_baskets: bool) -> None:
    """Raises ValueError where no item follows another: in events without times, and in baskets."""
    if not has_order or has_baskets:
        lack = "are baskets, which have no order" if has_order else "have no timestamps"
        raise ValueError(
            f"{owner} pairs an item with the one that its user took next, and these events {lack}: "
            "leave next_item out (next_item=False); the form of the paper needs an order. "
            "Received: next_item=True."
        )


def require_edges(graph: sp.csr_array) -> None:
    """Raises NoExample for a graph in which nothing is joined."""
    if not graph.nnz:
        raise NoExample(
            "No example is left to learn from: the graph joins no two items that the features "
            f"know. Received: {graph.shape[0]:,} nodes, no edge."
        )
