"""All that can be said of a run, and of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.below_popular import below_popular
from tfrec_recall.advice.evidence import Evidence
from tfrec_recall.advice.index_recall import index_recall
from tfrec_recall.advice.missing_times import missing_times
from tfrec_recall.advice.overfitting import overfitting
from tfrec_recall.advice.popularity_bias import popularity_bias
from tfrec_recall.advice.silent_features import silent_features
from tfrec_recall.advice.undertraining import undertraining
from tfrec_recall.advice.unknown_targets import unknown_targets

OF_RUNS = (
    below_popular,
    *(undertraining, overfitting, popularity_bias, index_recall, silent_features),
)
OF_DATA = (missing_times, unknown_targets)


def advise(known: Evidence) -> list[Advice]:
    """What is wrong with a run, the worst first; empty where nothing is."""
    return [one for rule in OF_RUNS for one in rule(known)]


def advise_on_data(facts: Mapping[str, Any]) -> list[Advice]:
    """What is wrong with the data for all models alike."""
    return [one for rule in OF_DATA for one in rule(facts)]
