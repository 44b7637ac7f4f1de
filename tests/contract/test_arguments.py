"""Constructors refuse, by name, numbers of the wrong sign, zeros, and values of the wrong type.

What is tried follows from each signature; a new argument is tried by being there. `NEGATIVE` and
`ZERO` say which arguments may have such a value.
"""

import inspect
import re

import pytest

from tests.contract.model_cases import CASES, its_features
from tfrec_recall import models, sampling

# The classes whose every argument is checked; a name is added when its class follows.
MODELS = [
    models.Popular,
    models.UserCF,
    models.ItemCF,
    models.FunkSVD,
    models.NeuralCF,
    models.TwoTower,
    models.SENetTwoTower,
    models.MultiObjectiveTwoTower,
    models.SamplingBiasCorrectedTwoTower,
    models.YouTubeDNN,
    models.FMRecall,
]
KINDS = [sampling.Uniform, sampling.Popularity, sampling.LogUniform, sampling.Unmet, sampling.Hard]
OTHERS = {sampling.Hard: {"count": 2}, sampling.Popularity: {"count": 2}}
NEGATIVE = {"user_weight_power", "minimum_engagement"}
ZERO = {
    *{"dropout", "negatives", "alpha", "l2", "shrinkage", "apart", "negative_weight", "power"},
    *{"initial_gap", *NEGATIVE},
}
ZERO_OF = {models.NeuralCF: ZERO - {"negatives"}}
FEATURES = {"features", "kwargs", "objectives", "similarity", "item_vectors"}  # tables and objects
TEXT = {"activation", "final_activation", "excitation", "engagement"}


def wrong_values(cls, name, annotation):
    """What no argument of this name and type may have."""
    if "Sequence[int]" in annotation:
        return [3, "ab", (0,), (-2, 4), (2.5,)]
    if name == "window":
        return [3, (9, 3), (-1, 4), (1.5, 4)]
    if "Sequence[float]" in annotation:
        return [3.0, "ab", (0.0, -1.0)]
    if annotation.startswith("bool"):
        return [2, "no", 0.5]
    wrong = ["text", [1.0], float("nan")]
    wrong += [] if name in NEGATIVE else [-1]
    wrong += [] if name in ZERO_OF.get(cls, ZERO) else [0]
    wrong += [1.5] if re.match(r"int\b", annotation) else []
    return wrong


def attempts():
    for cls in [*MODELS, *KINDS]:
        for name, parameter in inspect.signature(cls).parameters.items():
            if name in FEATURES | TEXT:
                continue
            for value in wrong_values(cls, name, str(parameter.annotation)):
                yield pytest.param(cls, name, value, id=f"{cls.__name__}-{name}-{value}")


@pytest.mark.parametrize(("cls", "name", "value"), attempts())
def test_a_wrong_value_is_refused_by_name(cls, name, value):
    arguments = {**OTHERS.get(cls, {}), name: value}
    features = [its_features()] if cls in CASES else []
    with pytest.raises(ValueError, match=rf"\b{name}\b.*Received: .*\b{name}\b"):
        cls(*features, **arguments)


@pytest.mark.parametrize("cls", MODELS)
def test_an_unknown_argument_is_refused(cls):
    with pytest.raises(TypeError, match="nonsense"):
        cls(its_features(), nonsense=3)


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (models.TwoTower, {"channels": 4}, "senet=True"),
        (models.TwoTower, {"negatives": [sampling.Unmet(3)]}, "corrects for a proposal"),
        (models.TwoTower, {"negatives": [sampling.WithoutOwn()]}, "kinds of which one draws"),
        (models.TwoTower, {"negatives": [5]}, "kinds of sampling"),
        (models.FMRecall, {"pointwise": True}, "no softmax with pointwise=True"),
        (models.FMRecall, {"squared_loss": True}, "Received: pointwise=False"),
        (models.YouTubeDNN, {"freeze_items": True}, "pass item_vectors"),
        (models.YouTubeDNN, {"minimum_engagement": 0.5}, "both or neither"),
        (models.FunkSVD, {"in_turn": True}, "train_biases=False"),
        (models.UserCF, {"by_rating": True}, "ratings=True"),
        (models.ItemCF, {"centred": False}, "ratings=True"),
    ],
)
def test_an_argument_without_effect_is_refused(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(its_features(), **arguments)
