"""Each fault is found by its figure, with the setting that mends it; a healthy run has none."""

import re
import tomllib

import numpy as np
import pytest

from tests.command_lines import NAMES, refusal
from tests.comparison.made_up import FACTS, result, results
from tfrec_recall.advice import Evidence, advise, advise_on_data
from tfrec_recall.cli.arguments.settings import separate
from tfrec_recall.cli.discovery import entries, entry
from tfrec_recall.comparison import summarised
from tfrec_recall.retrieval import InvertedFile
from tfrec_recall.sampling.kinds import kinds_of

GROUPS = [
    {"name": name, "items": 10, "events": events, "least": 0, "most": 9, "targets": targets}
    for name, events, targets in (
        *(("new", 0, 2), ("rare", 20, 28)),
        *(("middle", 30, 30), ("frequent", 50, 40)),
    )
]
DATA = {**FACTS, "items": GROUPS, "targets": 100, "users": 100}
SETTINGS = {"epochs": 9, "learning_rate": 0.002, "dropout": 0.2, "dim": 64, "correct": True}
HEALTHY = {
    "model": "two-tower",
    "settings": SETTINGS,
    "epochs": [
        [
            {"epoch": epoch, "loss": 5.0 - epoch / 4, "val_recall@50": value, "seconds": 1.0}
            for epoch, value in enumerate((0.3, 0.45, 0.5, 0.495, 0.49), start=1)
        ]
    ],
    "exposure": [0.0, 0.2, 0.3, 0.5],
    "index": {"kind": "scann", "recall": 0.96, "settings": {"recall": 0.95}},
    "ablation": [
        {"side": "user", "name": "history", "recall": 0.5, "lost": 0.3, "low": 0.2, "high": 0.4},
        {"side": "item", "name": "genre", "recall": 0.5, "lost": 0.02, "low": 0.01, "high": 0.03},
        {"side": "user", "name": "user_id", "recall": 0.5, "lost": 0.0, "low": 0.0, "high": 0.0},
    ],
    "field_weights": {"user": {"user_id": 0.01, "age": 0.4, "country": 0.6}},
}


def said(**others):
    """What is said, of which each names something that the command line has for this model."""
    found = advise(Evidence.of({**HEALTHY, **others}, DATA))
    for one in found:
        assert followed(one, others.get("model", HEALTHY["model"])), one.setting
    return found


def followed(one, model):
    """What an advice names: settings of the model, options, commands and other models; a span that
    is none of these fails."""
    named = re.findall(r"`([^`]+)`", one.setting)
    model_class = entry(model).load() if model in entries() else None
    for span in named:
        first, _, rest = span.partition(" ")
        if first.startswith("--"):
            taken = [name for name in NAMES if refusal([name, *span.split()], in_part=True) is None]
            assert taken, span
        elif first in NAMES:
            assert refusal(span.split(), in_part=True) is None or model not in entries(), span
        elif rest.startswith("= "):
            values = tomllib.loads(span)
            separate(values, model_class, model)
            kinds_of(model, values.get("negatives", 1))
        elif span not in entries():
            separate({span: HEALTHY["settings"].get(span)}, model_class, model)
    return named


def test_what_finds_no_more_than_one_list_for_everybody():
    many = {**DATA, "rows": {**DATA["rows"], "items": 51}}
    above = {"mean": 0.01, "low": -0.002, "high": 0.022}
    row = {**HEALTHY, "above_popular": above}
    (one,) = advise(Evidence.of(row, many))
    assert one.fault == "not above most-popular"
    assert "is +0.0100, between -0.0020 and +0.0220 at 95%" in one.figure
    assert followed(one, "two-tower") == ["tune two-tower"]
    assert not advise(Evidence.of({**row, "above_popular": {**above, "low": 0.001}}, many))
    assert not advise(Evidence.of(row, DATA))  # 8 items, all of which are in each list


def curve(*values, name="val_recall@50", falls=0.25):
    epochs = enumerate(values, start=1)
    return [{"epoch": epoch, "loss": 5.0 - falls * epoch, name: value} for epoch, value in epochs]


def test_a_healthy_run_on_healthy_data_has_nothing():
    assert said() == []
    assert advise_on_data(DATA) == []
    assert advise(Evidence("item-cf")) == []  # of which nothing is known


def test_overfitting():
    (one,) = said(epochs=curve(0.3, 0.5, 0.44))
    assert one.fault == "overfits"
    assert "from 0.5000 after epoch 2 to 0.4400 after epoch 3" in one.figure
    assert "loss fell from 4.5000 to 4.2500" in one.figure
    assert "a larger `dropout` (it is 0.2), a smaller `dim` (it is 64)" in one.setting
    (one,) = said(epochs=curve(0.3, 0.5, 0.44), settings={})
    assert "`weight_decay = 0.001`" in one.setting
    assert said(epochs=curve(0.3, 0.5, 0.48)) == []  # noise
    assert said(epochs=curve(0.3, 0.5, 0.4, falls=-0.1)) == []  # it diverges, and learns nothing
    (one,) = said(epochs=curve(0.99, 0.95, 1.1, name="val_rmse"))
    assert "rmse on validation went from 0.9500 after epoch 2 to 1.1000" in one.figure


def test_epochs_that_ran_out():
    (one,) = said(epochs=[curve(0.3, 0.45, 0.5)])
    assert one.fault == "under-trained"
    assert "the last of 3 is the best, with recall@50 on validation 0.5000" in one.figure
    assert "`epochs = 6`" in one.setting
    assert said(epochs=[curve(1.0, 0.95, 0.96, name="val_rmse")]) == []
    (one,) = said(stopped=[0])
    assert "the budget ended its training after epoch 5." in one.figure


def test_without_figures_on_validation_training_is_not_looked_at():
    losses = [{"epoch": epoch, "loss": 5.0 - epoch} for epoch in (1, 2)]

    def unseen(**others):
        return Evidence.of({**HEALTHY, **others}, DATA).not_looked_at

    assert unseen(epochs=[losses]) == unseen(epochs=[]) == ["overfits", "under-trained"]
    assert unseen(epochs=[losses], stopped=[0]) == ["overfits"]  # that the budget ended it is said
    assert unseen() == unseen(epochs=[], settings={"alpha": 0.3}) == []  # which learns in one pass


def test_of_a_schedule_the_end_is_what_was_kept():
    def run(*values):
        epochs = [{"epoch": epoch, "loss": 5.0 - epoch} for epoch in range(1, 2 * len(values) + 1)]
        for epoch, value in zip(epochs[1::2], values, strict=True):
            epoch["val_recall@50"] = value
        settings = {"epochs": 10, "rate": 0.05, "dim": 64}
        own = {"model": "item2vec", "settings": settings}
        return {**own, "epochs": [epochs], "best_epoch": [None]}

    def told(*values):
        return said(**run(*values))

    def unseen(*values):
        return Evidence.of({**HEALTHY, **run(*values)}, DATA).not_looked_at

    assert told(0.3, 0.4, 0.45, 0.47, 0.49) == []  # the best at the end, as schedules are
    (one,) = told(0.3, 0.35, 0.4, 0.44, 0.5)
    assert one.fault == "under-trained"
    assert "the last of 10 is the best by far (0.4400 after epoch 8), with" in one.figure
    assert one.setting == "Try `epochs = 20`, or a larger `rate` (it is 0.05)."
    (one,) = told(0.3, 0.5, 0.48, 0.46, 0.44)
    assert one.fault == "overfits"
    assert "from 0.5000 after epoch 4 to 0.4400 after epoch 10" in one.figure
    assert "fewer `epochs` (it is 10), a smaller `dim` (it is 64); the end of" in one.setting
    (one,) = told(0.3)
    assert "the epochs ran out" in one.figure
    assert unseen(0.3, 0.4, 0.45, 0.47, 0.49) == ["under-trained"]
    assert unseen(0.3, 0.4, 0.45, 0.5, 0.49) == unseen(0.3, 0.35, 0.4, 0.44, 0.5) == []


def test_popularity_bias():
    (one,) = said(exposure=[0.0, 0.1, 0.2, 0.7], settings={**SETTINGS, "correct": False})
    assert one.fault == "popularity-biased"
    assert "10 frequent items have 70% of the first 50 places, and 40% of what users" in one.figure
    assert "`correct" not in one.setting  # which lists fewer of them already
    (one,) = said(exposure=[0.0, 0.1, 0.2, 0.7], settings={**SETTINGS, "negatives": 1000})
    assert "`correct = false`, which costs recall" in one.setting


def test_of_a_bias_those_settings_are_named_that_mend_it():
    def setting(model, **settings):
        (one,) = said(exposure=[0.0, 0.1, 0.2, 0.7], model=model, settings=settings)
        return one.setting

    assert "a larger `alpha` (it is 0.3)" in setting("item-cf", alpha=0.3)
    for model, settings in (
        ("neural-cf", {"alpha": None, "negatives": 8}),  # how branches are joined; of the unmet
        ("funk-svd", {"l2": 0.02}),
        ("airbnb-type", {"popularity": 0.0, "negatives": 5}),  # which has none below
    ):
        told = setting(model, **settings)
        assert told.startswith("Try a model that knows more of its users")
        assert f"`compare --models popular,item-cf,two-tower,{model}`" in told
    assert "a smaller `popularity` (it is 0.0)" in setting("user-cf", alpha=0.5, popularity=0.0)
    softmax = {"negatives": 1000, "correct": True, "temperature": 0.2}
    towers = setting("two-tower", **softmax)
    assert "a smaller `temperature` (it is 0.2), or `negatives = [{kind = " in towers
    assert "drawn evenly alone (it is 1000)" in towers
    alone = {**softmax, "negatives": [{"kind": "Uniform", "count": 1000}]}
    assert "negatives" not in setting("two-tower", **alone)
    assert "negatives" not in setting("sampling-bias-corrected-two-tower", **softmax)
    assert "`blend --weights`" in setting("blend")


def test_an_index_that_misses_its_recall():
    vectors = np.random.default_rng(0).normal(size=(600, 8)).astype("float32")
    seeded = InvertedFile(recall=0.99, leaves=24, leaves_to_search=1, reorder=20)
    with pytest.warns(UserWarning, match="reaches recall"):
        index = seeded.build(vectors, k=10, queries=vectors[:80] + 0.1)
    (one,) = said(index=index.report)
    assert one.fault == "index misses its recall"
    assert f"finds {index.report['recall']:.3f} of what exact search finds, and 0.99" in one.figure
    fallen = {"kind": "exact", "recall": 1.0, "instead_of": index.report}
    assert "every item is searched exactly" in said(index=fallen)[0].figure
    blended = {"near": index.report, "near/similar items": fallen, "far": HEALTHY["index"]}
    near, similar = said(indexes=blended)
    assert near.figure.startswith("the inverted file index of near finds")
    assert similar.figure.startswith("the inverted file index of near/similar items finds")
    (similar,) = said(similar_items_index=index.report)
    assert "inverted file index of similar items finds" in similar.figure
    stand_in = {**HEALTHY["index"], "tuned_with": "item vectors"}
    assert "that of users is not known" in said(index=stand_in)[0].figure


def test_features_that_say_nothing():
    silent = {"side": "user", "name": "age", "recall": 0.5, "lost": 0.001, "low": -0.002}
    (one,) = said(ablation=[*HEALTHY["ablation"], {**silent, "high": 0.003}])
    assert one.fault == "features say nothing"
    assert "users.age 0.0010 (-0.0020 to 0.0030)" in one.figure
    assert "--columns" in one.setting
    little = {**silent, "low": 0.001, "high": 0.003}  # but surely something
    assert said(ablation=[*HEALTHY["ablation"], little]) == []
    few_users = {**silent, "high": 0.02}  # who knows?
    assert said(ablation=[*HEALTHY["ablation"], few_users]) == []
    unchanged = {**silent, "lost": 0.0, "low": 0.0, "high": 0.0}
    (one,) = said(ablation=[*HEALTHY["ablation"], {**unchanged, "users": 1000}])
    assert "users.age 0.0000 (0.0000 to 0.0030)" in one.figure
    for nothing_known in ({"users": 1}, {"users": 200}, {"users": 1000, "recall": 0.0}):
        assert said(ablation=[*HEALTHY["ablation"], {**unchanged, **nothing_known}]) == []
    (one,) = said(field_weights={"item": {"genre": 0.9, "colour": 0.02, "item_id": 0.8}})
    assert one.figure.endswith("items.colour 0.020 (mean 0.573).")


def test_features_are_named_by_their_columns():
    features = [
        {"side": "user", "name": "device", "column": "device", "context": True},
        {"side": "item", "name": "a_b", "column": "a b", "context": False},
    ]
    silent = {"recall": 0.5, "lost": 0.0, "low": 0.0, "high": 0.0, "users": 1000}
    ablation = [
        {**silent, "side": side, "name": name}
        for side, name in (("user", "device"), ("item", "a_b"), ("item", "other"))
    ]
    (one,) = said(ablation=ablation, features=features)
    assert one.figure.startswith("shuffled, with 1,000 users asked, these cost")
    for column in ("events.device 0.0000", "items.a b 0.0000", "items.other 0.0000"):
        assert column in one.figure
    weights = {"user": {"device": 0.01, "user_id": 0.9}, "item": {"a_b": 0.01, "item_id": 0.9}}
    (one,) = said(field_weights=weights, features=features)
    assert "events.device 0.010" in one.figure
    assert "items.a b 0.010" in one.figure
    anything = said(ablation=ablation, features={"of": "Python"})
    assert "users.device" in anything[0].figure


def test_what_is_shuffled_of_users_is_named_by_requests_and_weights_by_features():
    names = (("dev", "device", True), ("city", "home", False), ("town", "city", False))
    own = {"side": "user", "kind": "Categorical"}
    features = [
        {**own, "name": "history_device", "column": "device", "context": False, "kind": "History"},
        *({**own, "name": one, "column": column, "context": of} for one, column, of in names),
        {**own, "name": "a_b", "column": "home", "context": False, "side": "item"},
    ]
    lost = {"recall": 0.5, "lost": 0.0, "low": 0.0, "high": 0.0}
    for side, name, column in (
        *(("user", "device", "events.device"), ("user", "dev", "events.device")),
        *(("user", "city", "users.city"), ("user", "home", "users.home")),
        *(("item", "a_b", "items.home"), ("item", "home", "items.home")),
    ):
        (one,) = said(ablation=[{**lost, "side": side, "name": name}], features=features)
        assert f": {column} 0.0000" in one.figure
    (one,) = said(field_weights={"user": {"city": 0.01, "user_id": 0.9}}, features=features)
    assert "users.home 0.010" in one.figure


def test_means_of_the_history_and_what_requests_tell_are_no_columns():
    silent = {"side": "user", "recall": 0.5, "lost": 0.0, "low": 0.0, "high": 0.0}
    assert said(ablation=[{**silent, "name": name} for name in ("objective", "timestamp")]) == []
    weights = {"age": 0.9, "the history": 0.01, "the history by recency": 0.01}
    (one,) = said(field_weights={"user": weights})
    assert one.figure.endswith("through: the history by recency 0.010 (mean 0.307).")
    assert "`recency = false`" in one.setting


def test_targets_and_users_unknown_to_training():
    groups = [{**GROUPS[0], "targets": 25}, *GROUPS[1:]]
    (one,) = advise_on_data({**DATA, "items": groups})
    assert one.fault == "targets unknown to training"
    assert "25 of 123 targets (20%)" in one.figure
    (one,) = advise_on_data({**DATA, "unknown_users": 8})
    assert "8 of 100 users (8%)" in one.figure
    assert followed(one, None)[-1] == "train --popular-by"


def test_data_without_times():
    (one,) = advise_on_data({**DATA, "has_time": False})
    assert one.fault == "data without times"
    assert "--rename THEIRS=timestamp" in one.setting


def test_a_row_of_a_comparison_is_evidence():
    runs = results(result("popular"), result("two-tower", status="stopped"))
    row = summarised(runs, FACTS, ["two-tower"])["models"][0]
    known = Evidence.of(row, FACTS)
    assert (known.curve.name, known.curve.best, known.stopped) == ("val_recall@50", 2, True)
    assert known.settings == {"epochs": 5}
