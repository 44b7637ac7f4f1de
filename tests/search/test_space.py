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
