"""At which k a comparison measures, and which of these figures its tables show."""

from __future__ import annotations

from collections.abc import Sequence

CUTS = (10, 20, 50, 100)  # that every run is measured at
MAIN = 50  # of the recall that models are ordered by, and held to most-popular
SHORT = 20  # the longest list whose order is shown


def measured(cuts: Sequence[int] = ()) -> tuple[int, ...]:
    """All cuts that a run is measured at where these are asked for.

    >>> measured([5, 20])
    (5, 10, 20, 50, 100)
    """
    return tuple(sorted({*CUTS, *cuts}))


def with_main(cuts: Sequence[int]) -> tuple[int, ...]:
    """The cuts of the tables where these are asked for.

    >>> with_main([5, 20])
    (5, 20, 50)
    """
    return tuple(sorted({*cuts, MAIN}))


def shown(cuts: Sequence[int]) -> tuple[str, ...]:
    """The figures of a table with these cuts: recall at each, NDCG of short lists, coverage.

    >>> shown([10, 50, 100])
    ('recall@10', 'recall@50', 'recall@100', 'ndcg@10', 'coverage@50')
    >>> shown([10, 20, 50])
    ('recall@10', 'recall@20', 'recall@50', 'ndcg@10', 'ndcg@20', 'coverage@50')
    """
    return (*(f"recall@{cut}" for cut in cuts), *_ndcg(cuts), f"coverage@{MAIN}")


def paired(cuts: Sequence[int] = ()) -> tuple[str, ...]:
    """The figures that are kept of each user, for intervals, where these cuts are asked for.

    >>> paired()
    ('recall@10', 'recall@50', 'ndcg@10')
    >>> paired([20])
    ('recall@10', 'recall@20', 'recall@50', 'ndcg@10', 'ndcg@20')
    >>> paired([30])
    ('recall@10', 'recall@30', 'recall@50', 'ndcg@10', 'ndcg@30')
    """
    whole = tuple(sorted({CUTS[0], MAIN, *cuts}))
    of_table = _ndcg(with_main(cuts)) if cuts else []  # without a short list, of its shortest
    return (*(f"recall@{cut}" for cut in whole), *dict.fromkeys([*_ndcg(whole), *of_table]))


def _ndcg(cuts: Sequence[int]) -> list[str]:
    short = [cut for cut in cuts if cut <= SHORT] or [min(cuts)]
    return [f"ndcg@{cut}" for cut in short]
