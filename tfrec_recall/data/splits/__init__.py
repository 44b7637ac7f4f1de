"""Train, validation and test: what models learn from, what they are asked, with which past."""

from tfrec_recall.data.splits.given import given
from tfrec_recall.data.splits.hold_out_users import hold_out_users
from tfrec_recall.data.splits.last_basket_out import last_basket_out
from tfrec_recall.data.splits.last_events_out import last_events_out
from tfrec_recall.data.splits.parts import Part, Split
from tfrec_recall.data.splits.random_events_out import random_events_out
from tfrec_recall.data.splits.standard import has_baskets, standard
from tfrec_recall.data.splits.temporal import temporal

__all__ = [
    "Part",
    "Split",
    "given",
    "has_baskets",
    "hold_out_users",
    "last_basket_out",
    "last_events_out",
    "random_events_out",
    "standard",
    "temporal",
]
