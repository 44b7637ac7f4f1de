"""From raw events to training examples and test targets: tables, ids, sessions, splits."""

from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if TYPE_CHECKING:
    from tfrec_recall.data.examples import Examples, next_basket, next_item, pairs
    from tfrec_recall.data.feeding.passes import Passes, passes
    from tfrec_recall.data.filters import rated, without_duplicates
    from tfrec_recall.data.held_out import gather_others, held_out
    from tfrec_recall.data.interactions import Interactions
    from tfrec_recall.data.order import chronological, newer_events
    from tfrec_recall.data.parted import PartedInteractions, part_events
    from tfrec_recall.data.recent_events import Recent, recent
    from tfrec_recall.data.sessions import sessions
    from tfrec_recall.data.splits import (
        Part,
        Split,
        given,
        has_baskets,
        hold_out_users,
        last_basket_out,
        last_events_out,
        random_events_out,
        standard,
        temporal,
    )
    from tfrec_recall.data.splits.of_parts import PartedSplit, split_parts
    from tfrec_recall.data.splits.saved import load_split
    from tfrec_recall.data.stopping import hold_back
    from tfrec_recall.data.streaming import batches, gather_histories
    from tfrec_recall.data.ties import ties_in_file_order, ties_shuffled
    from tfrec_recall.data.vocabulary import PADDING, UNKNOWN, Vocabulary
else:
    on_demand(__name__)

__all__ = [
    "PADDING",
    "UNKNOWN",
    "Examples",
    "Interactions",
    "Part",
    "PartedInteractions",
    "PartedSplit",
    "Passes",
    "Recent",
    "Split",
    "Vocabulary",
    "batches",
    "chronological",
    "gather_histories",
    "gather_others",
    "given",
    "has_baskets",
    "held_out",
    "hold_back",
    "hold_out_users",
    "last_basket_out",
    "last_events_out",
    "load_split",
    "newer_events",
    "next_basket",
    "next_item",
    "pairs",
    "part_events",
    "passes",
    "random_events_out",
    "rated",
    "recent",
    "sessions",
    "split_parts",
    "standard",
    "temporal",
    "ties_in_file_order",
    "ties_shuffled",
    "without_duplicates",
]
