"""Exports at work: answers for everybody, an export that is checked, one with other items."""

from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if TYPE_CHECKING:
    from tfrec_recall.operations.answers import (
        Answers,
        ItemVectors,
        QueryVectors,
        Recommendations,
        SimilarItems,
    )
    from tfrec_recall.operations.apply_delta import apply_delta
    from tfrec_recall.operations.batch import Answered, answer_all
    from tfrec_recall.operations.catalogue_changes import CatalogueChanges
    from tfrec_recall.operations.check import Check, check
    from tfrec_recall.operations.delta import Delta, write_delta
    from tfrec_recall.operations.every_item import EveryItem
    from tfrec_recall.operations.every_user import EveryUser
    from tfrec_recall.operations.reindex import Reindexed, reindex, reindexed
    from tfrec_recall.operations.requests import Part, Requests
    from tfrec_recall.operations.users_of_file import UsersOfFile
else:
    on_demand(__name__)

__all__ = [
    "Answered",
    "Answers",
    "CatalogueChanges",
    "Check",
    "Delta",
    "EveryItem",
    "EveryUser",
    "ItemVectors",
    "Part",
    "QueryVectors",
    "Recommendations",
    "Reindexed",
    "Requests",
    "SimilarItems",
    "UsersOfFile",
    "answer_all",
    "apply_delta",
    "check",
    "reindex",
    "reindexed",
    "write_delta",
]
