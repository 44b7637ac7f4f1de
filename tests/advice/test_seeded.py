"""Faults that are seeded into data and settings come out of real runs, and what is advised mends
them."""

import numpy as np
import pandas as pd
import pytest

from tests.untraced import training_without_graphs
from tfrec_recall.advice import Evidence, advise
from tfrec_recall.cli.discovery import entry
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.comparison import facts, figures
from tfrec_recall.data import Interactions, last_events_out, random_events_out
from tfrec_recall.models import FunkSVD

pytestmark = pytest.mark.usefixtures("untraced")


def trained(model, split, **settings):
    return train_model(entry(model), split, settings, seed=0)


def row_of(run, model, **others):
    return {"model": model, "epochs": run.curve, "settings": run.settings, **others}


def test_ratings_that_follow_from_nothing_are_learnt_by_heart():
    generator = np.random.default_rng(0)
    user, item = np.divmod(np.arange(1200), 30)
    log = pd.DataFrame({"user_id": user.astype(str), "item_id": item.astype(str)})
    log["rating"] = generator.integers(1, 6, len(log)).astype(float)
    split = random_events_out(Interactions(log), test=0.1, validation=0.3)
    settings = {"epochs": 8, "patience": 8, "batch_size": 256, "learning_rate": 0.05, "dim": 16}
    with training_without_graphs(FunkSVD):
        run = trained("funk-svd", split, **settings)
    (one,) = advise(Evidence.of(row_of(run, "funk-svd"), None))
    assert one.fault == "overfits"
    assert "rmse on validation went from" in one.figure
    assert f"a smaller `dim` (it is {run.settings['dim']})" in one.setting


def test_lists_of_what_everybody_has_are_found_and_a_setting_mends_them():
    generator = np.random.default_rng(1)
    rows = []
    for user in range(60):
        niche = 60 + (user % 6) * 40 + generator.permutation(40)[:11]  # 240 items, six tastes
        learnt = [*generator.permutation(60)[:8], *niche[:8]]  # and 60 that everybody takes
        rows += [(f"u{user}", f"i{item}") for item in [*generator.permutation(learnt), *niche[8:]]]
    log = pd.DataFrame(rows, columns=["user_id", "item_id"])
    log["timestamp"] = 1_600_000_000 + 1000 * np.arange(len(log))
    split = last_events_out(Interactions(log), test=3, validation=0)
    known = facts(split, {})

    def said(**settings):
        run = trained("item-cf", split, **settings)
        found = figures(run.model.retriever(split.interactions.items), split)
        row = row_of(run, "item-cf", exposure=found["exposure"])
        return found["exposure"][-1], advise(Evidence.of(row, known))

    biased, (one,) = said(alpha=0.0)
    assert one.fault == "popularity-biased"
    assert "a larger `alpha` (it is 0.0)" in one.setting
    mended, _ = said(alpha=1.0)
    assert mended < biased - 0.1
