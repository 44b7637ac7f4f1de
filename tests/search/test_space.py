"""What may be tried of a setting follows from its default."""

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tfrec_recall.search import Space


def test_ranges_lie_around_the_defaults():
    settings = {
        "learning_rate": 0.002,
        "dim": 64,
        "dropout": 0.2,
        "neighbours": 50,
        "weight_decay": 0.0,
        "normalize": True,
        "hidden": [128],
        "half_life": None,  # switched off: nothing says around which number to search
        "temperature": "auto",
    }
    space = Space.of(settings)
    assert space.distributions() == {
        "learning_rate": FloatDistribution(0.0005, 0.008, log=True),
        "dim": CategoricalDistribution([32, 64, 128]),
        "dropout": FloatDistribution(0.0, 0.6),
        "neighbours": IntDistribution(10, 250, log=True),
        "weight_decay": CategoricalDistribution([0.0, 1e-4, 1e-3, 1e-2]),
    }
    for name, distribution in space.distributions().items():
        assert distribution._contains(distribution.to_internal_repr(space.defaults[name]))


def test_some_alone_are_searched():
    settings = {"dim": 8, "dropout": 0.1}
    assert Space.of(settings, ["dropout"]).defaults == {"dropout": 0.1}
    with pytest.raises(ValueError, match=r"can be searched: dim, dropout\. Received: epochs"):
        Space.of(settings, ["epochs"])
    with pytest.raises(ValueError, match=r"none\. Received: a model without any"):
        Space.of({"normalize": True})


def test_without_times_settings_of_times_stay_as_they_are():
    settings = {"half_life_days": None, "half_life": 4.0, "nearby": 5.0, "dim": 1}
    assert Space.of(settings, has_time=False).defaults == {"dim": 1}
    assert Space.of(settings).defaults == settings
    Space.check({"half_life_days": None})
    with pytest.raises(ValueError, match=r"without times, .*: none\. Received: half_life"):
        Space.check({"half_life_days": None}, ["half_life_days"], has_time=False)
    (dims,) = Space.of({"dim": 1}).distributions().values()
    assert dims.choices == (1, 2)  # a half of it is none


def test_settings_that_make_trials_long_are_searched_where_they_are_named():
    settings = {"hidden": (256, 128), "negatives": 5, "batch_size": 1024, "dim": 8}
    assert Space.of(settings).defaults == {"dim": 8}
    space = Space.of(settings, ["hidden", "negatives", "batch_size"])
    assert space.defaults == {"hidden": [256, 128], "negatives": 5, "batch_size": 1024}
    choices = {name: one.choices for name, one in space.distributions().items()}
    assert choices == {
        "hidden": ("[128, 64]", "[256, 128]", "[512, 256]", "[512, 256, 128]"),
        "negatives": (1, 5, 20),
        "batch_size": (512, 1024, 2048),
    }
    of_graphs = {"walks": 4, "length": 5, "epochs": 40, "heads": 1}
    assert Space.of({**of_graphs, "dim": 8}).defaults == {"dim": 8}
    space = Space.of(of_graphs, list(of_graphs))
    choices = {name: one.choices for name, one in space.distributions().items()}
    assert choices == {
        **{"walks": (2, 4, 8), "length": (2, 5, 10)},
        **{"epochs": (20, 40, 80), "heads": (1, 2)},
    }
    with pytest.raises(ValueError, match=r"searched: length\. Received: walks"):
        Space.of({"walks": None, "length": 5}, ["walks"])  # as GraphSAGE has them
    Space.check({"batch_size": None, "dim": 8}, ["batch_size"])  # which training makes a number
    with pytest.raises(ValueError, match=r"searched: dim\. Received: hidden, negatives"):
        Space.check(
            {"hidden": None, "negatives": [{"kind": "in-batch"}], "dim": 8}, ["hidden", "negatives"]
        )
    with pytest.raises(ValueError, match=r"searched: hidden\. Received: a model without any"):
        Space.of({"hidden": [8]})
