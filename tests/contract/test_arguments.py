"""Constructors refuse, by name, numbers of the wrong sign, zeros, and values of the wrong type.

What is tried follows from each signature; a new argument is tried by being there. `NEGATIVE` and
`ZERO` say which arguments may have such a value.
"""

import functools
import re

import numpy as np
import pytest

from tests.contract import layer_cases
from tests.contract.model_cases import CASES, its_features, the_board
from tests.signatures import arguments_of
from tfrec_recall import graph, layers, models, sampling
from tfrec_recall.data import Interactions
from tfrec_recall.data.kinds import WrongKind
from tfrec_recall.features import Features

# The models whose every argument is checked; a name is added when its class follows.
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
    models.MIND,
    models.SDM,
    models.Item2Vec,
    models.AirbnbListing,
    models.AirbnbType,
    models.BGE,
    models.GES,
    models.EGES,
    models.GraphSAGE,
    models.PinSAGE,
]
KINDS = [sampling.Uniform, sampling.Popularity, sampling.LogUniform, sampling.Unmet, sampling.Hard]
OF_TYPES = {"user_type": ("country",), "item_type": ("item_id",)}
OTHERS = {
    sampling.Hard: {"count": 2},
    sampling.Popularity: {"count": 2},
    models.AirbnbType: OF_TYPES,
}
NEGATIVE = {"user_weight_power", "minimum_engagement", "board_power", "popularity"}
ZERO = {
    *{"dropout", "negatives", "alpha", "l2", "shrinkage", "apart", "negative_weight", "power"},
    *{"initial_gap", *NEGATIVE},
    *{"deviation", "seed", "cold_rate", "rejection_weight", "most_hard", "fused_dropout"},
}
SOME = ZERO - {"negatives"}
# Of layers and losses, whose strings choose a form.
LAYERS = {cls: case.arguments for cls, case in layer_cases.CASES.items()}
OF_LAYERS = {"gate_bias", "axis"}  # of any sign
MAY_BE_ZERO = {*OF_LAYERS, "deviation", "seed", "dropout", "power", "margin", "hard_weight"}
MAY_BE_ZERO |= {"initial_gap"}
WITHOUT_POSITIONS = (layers.SelfAttentiveInterests, "positions")
BY_WINDOWS = {models.Item2Vec, models.AirbnbListing, models.AirbnbType}
ON_GRAPHS = {models.BGE, models.GES, models.EGES, models.GraphSAGE, models.PinSAGE}
ZERO_OF = dict.fromkeys({models.NeuralCF, *BY_WINDOWS, *ON_GRAPHS}, SOME)
FEATURES = {"features", "kwargs", "objectives", "similarity", "item_vectors"}  # tables and objects
FEATURES |= {"noise_removal"}  # each with wrong values of its own below
OF_EVENTS = {"engagement", "booked", "rejected", "clicked", "left_out"}  # asked of training data
TEXT = {"activation", "final_activation", "excitation", "output_activation", *OF_EVENTS}
TEXT |= {"side_info", "aggregator", "label", "market", "cold_by", "alike_by", "user_type"}
TEXT |= {"item_type"}


def wrong_values(cls, name, annotation):
    """What no argument of this name and type may have."""
    if "Sequence[int]" in annotation:
        return [3, "ab", (0,), (-2, 4), (2.5,)]
    if "tuple[int, int]" in annotation:
        return [3, (9, 3), (-1, 4), (1.5, 4)]
    if "Sequence[float]" in annotation:
        return [3.0, "ab", (0.0, -1.0), (float("inf"),), {"click": 1.0}]
    if annotation.startswith("bool | float"):
        return ["no", -1, float("nan")]
    if annotation.startswith("bool"):
        return [2, "no", 0.5]
    wrong = ["text", [1.0], float("nan")]
    wrong += [] if name in NEGATIVE else [-1]
    wrong += [] if name in ZERO_OF.get(cls, ZERO) else [0]
    wrong += [1.5] if re.match(r"int\b", annotation) else []
    return wrong


def attempts_of_layers():
    for cls in LAYERS:
        for name, parameter in arguments_of(cls).items():
            annotation = str(parameter.annotation)
            if not re.match(r"(int|float|bool|Sequence)\b", annotation):
                continue
            values = []
            for value in wrong_values(cls, name, annotation):
                of_any_sign = value == -1 and name in OF_LAYERS
                zero = value == 0 and (name in MAY_BE_ZERO or (cls, name) == WITHOUT_POSITIONS)
                one = value == 3 and "| int" in annotation
                if not (of_any_sign or zero or one):
                    values.append(value)
            yield pytest.param(cls, name, values, id=f"{cls.__name__}-{name}")


@pytest.mark.parametrize(("cls", "name", "values"), attempts_of_layers())
def test_a_wrong_value_of_a_layer_is_refused_by_name(cls, name, values):
    for value in values:
        with pytest.raises(ValueError, match=rf"{cls.__name__} .*\b{name}\b.*Received: {name}="):
            cls(**{**LAYERS[cls], name: value})


def attempts():
    for cls in [*MODELS, *KINDS]:
        for name, parameter in arguments_of(cls).items():
            if name in FEATURES | TEXT:
                continue
            values = wrong_values(cls, name, str(parameter.annotation))
            yield pytest.param(cls, name, values, id=f"{cls.__name__}-{name}")


@pytest.mark.parametrize(("cls", "name", "values"), attempts())
def test_a_wrong_value_is_refused_by_name(cls, name, values):
    features = [its_features()] if cls in CASES else []
    for value in values:
        with pytest.raises(ValueError, match=rf"\b{name}\b.*Received: .*\b{name}\b"):
            cls(*features, **{**OTHERS.get(cls, {}), name: value})


def attempts_of_text():
    for cls in MODELS:
        for name in arguments_of(cls):
            if name in TEXT:
                for value in [3] if name in OF_EVENTS else [3, "nonsense"]:
                    yield pytest.param(cls, name, value, id=f"{cls.__name__}-{name}-{value}")


@pytest.mark.parametrize(("cls", "name", "value"), attempts_of_text())
def test_a_wrong_text_is_refused_by_name(cls, name, value):
    with pytest.raises(ValueError, match=rf"\b{name}\b.*Received: .*{value}"):
        cls(its_features(), **{**OTHERS.get(cls, {}), name: value})


@pytest.mark.parametrize("cls", MODELS)
def test_features_of_another_kind_are_refused(cls):
    wanted = rf"{cls.__name__} takes features as Features: .*adapt.*of the kind Interactions"
    with pytest.raises(WrongKind, match=wanted):
        cls(the_board(), **OTHERS.get(cls, {}))


@pytest.mark.parametrize("cls", MODELS)
def test_an_unknown_argument_is_refused_beside_those_that_there_are(cls):
    there_are = r"It takes features, .*\. Received: nonsense=3\."
    with pytest.raises(TypeError, match=rf"{cls.__name__} takes no nonsense\. {there_are}"):
        cls(its_features(), nonsense=3)


def test_the_nearest_name_is_told_of_an_unknown_one():
    with pytest.raises(TypeError, match=r"takes no uniform_negatives\. negatives= may be meant"):
        models.TwoTower(its_features(), uniform_negatives=100)
    assert models.Popular(its_features(), name="best").name == "best"  # of Keras


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
        (models.UserCF, {"similarity": graph.Cosine(), "alpha": 0.4}, "for its co-count alone"),
        (models.ItemCF, {"similarity": graph.Jaccard(), "alpha": 0.3}, "for its co-count alone"),
        (models.ItemCF, {"ratings": True, "nearby": 5.0}, "beside ratings"),
        (models.ItemCF, {"centred": False}, "ratings=True"),
        (models.UserCF, {"unlike": True, "ratings": True}, "by_rating=True, centred=True"),
        (models.UserCF, {"common_means": True}, "ratings=True, centred=True"),
        (models.MIND, {"self_attentive": True, "iterations": 5}, "where it routes"),
        (models.MIND, {"self_attentive": True, "recency": False}, "where it routes"),
        *(
            (models.SamplingBiasCorrectedTwoTower, {"correct": False, **one}, "where it corrects")
            for one in ({"rate": 0.5}, {"hashes": 7}, {"buckets": 9}, {"initial_gap": 3.0})
        ),
        (models.NeuralCF, {"pretrain_epochs": 3}, "where alpha joins"),
        (models.NeuralCF, {"tower": False, "apart": 0.2}, "where both branches learn"),
        (models.NeuralCF, {"product": False, "apart": 0.2}, "where both branches learn"),
        (models.BGE, {"cold_rate": 0.5}, "where there is side information"),
        (models.MIND, {"negatives": [sampling.Unmet(3)]}, "corrects for a proposal"),
        (models.SDM, {"negatives": [sampling.WithoutOwn()]}, "kinds of which one draws"),
        (models.MIND, {"power": 1.5, "raised": True}, "whole powers"),
        (models.SDM, {"past": 60.0}, "by the times of the history"),
        (
            models.SDM,
            {"session_events": 9},
            "than the history has, 8: .* session_events=9",
        ),
        (models.Item2Vec, {"window": None, "fixed_window": True}, "where there is a window"),
        (models.Item2Vec, {"cbow": True, "mean_over_set": True}, "without cbow"),
        (models.AirbnbListing, {"market_negatives": 3.0}, "where market names a feature"),
        (
            models.AirbnbListing,
            {"left_out": ("view", "booking")},
            r"in booked or in left_out: leave 'booking' out.*Received: booked=\('booking',\)",
        ),
        (
            models.AirbnbType,
            {**OF_TYPES, "booked": ("no", "yes"), "rejected": "no"},
            "in booked or in rejected: leave 'no' out",
        ),
        (models.AirbnbListing, {"alike_by": (), "nearest": 5}, "where alike_by names features, or"),
        (models.GraphSAGE, {"label_weight": 0.5}, "beside a label"),
        *(
            (models.GraphSAGE, {"label": "tags", "unsupervised": False, **one}, "walks teach")
            for one in ({"negatives": 3.0}, {"temperature": 0.5})
        ),
        (models.PinSAGE, {"most_hard": 33}, "most_hard as a number at most 32"),
        (models.MultiObjectiveTwoTower, {"blend": [2.0]}, "of several objectives"),
        (
            models.AirbnbType,
            {**OF_TYPES, "rejected": (), "rejection_weight": 2.0},
            "where there are rejections",
        ),
        (models.PinSAGE, {"most_hard": 0, "hard_weight": 2.0}, "where there are hard negatives"),
        (models.PinSAGE, {"normalize": False, "shrinkage": 1.0}, "on vectors of length one"),
    ],
)
def test_an_argument_without_effect_is_refused(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(its_features(), **arguments)


@functools.cache
def without_order():
    """Features of events without times."""
    events = the_board().events.drop(columns="timestamp")
    board = Interactions(events, the_board().users, the_board().items)
    return Features(its_features().user, its_features().item).adapt(board)


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        *((cls, "last", 3) for cls in (models.Item2Vec, models.EGES, models.GraphSAGE)),
        (models.PinSAGE, "half_life", 2.0),
        (models.PinSAGE, "run", 5),
        (models.FMRecall, "half_life", 2.0),
        (models.YouTubeDNN, "example_age", True),
        (models.SamplingBiasCorrectedTwoTower, "seed_events", 2),
        (models.SamplingBiasCorrectedTwoTower, "span_days", 1.0),
    ],
)
def test_what_counts_in_time_is_refused_where_events_have_none(cls, name, value):
    with pytest.raises(ValueError, match=rf"\b{name}\b.*timestamps.*Received: {name}={value}"):
        cls(without_order(), **{name: value})


@pytest.mark.parametrize("cls", [models.SamplingBiasCorrectedTwoTower, models.YouTubeDNN])
def test_a_plain_form_that_needs_times_says_so(cls):
    with pytest.raises(ValueError, match=r"the form of the paper needs times"):
        cls.published(without_order())


@pytest.mark.parametrize(
    ("cls", "named"),
    [
        (models.AirbnbListing, {"clicked": "view"}),
        (models.AirbnbListing, {"left_out": "impression"}),
        (models.AirbnbType, {**OF_TYPES, "booked": "purchase"}),
    ],
)
def test_types_of_events_that_have_none_are_refused(cls, named):
    with pytest.raises(ValueError, match=r"column 'event_type', which these do not have"):
        cls(its_features(), **named).training_data(the_board())


@pytest.mark.parametrize(
    ("model_class", "name", "value"),
    [
        (models.EGES, "noise_removal", 3),
        (models.YouTubeDNN, "item_vectors", np.zeros((3, 64))),
        (models.MultiObjectiveTwoTower, "objectives", [3]),
        (models.MultiObjectiveTwoTower, "objectives", "any"),
        (models.MultiObjectiveTwoTower, "objectives", 3),
        (models.UserCF, "similarity", 3),
        (models.UserCF, "similarity", graph.Pearson),
        (models.ItemCF, "similarity", graph.Pearson),
    ],
)
def test_another_kind_of_object_is_refused_by_name(model_class, name, value):
    with pytest.raises(
        ValueError, match=rf"{model_class.__name__} takes {name} .*eceived: {name}="
    ):
        model_class(its_features(), **{name: value})


@pytest.mark.parametrize("model_class", [models.AirbnbListing, models.AirbnbType, models.EGES])
def test_a_window_that_has_to_be_there_is_not_offered_as_none(model_class):
    for window in (0, None):
        with pytest.raises(ValueError, match=r"whole number from 1 up\. Received: window="):
            model_class(its_features(), **OTHERS.get(model_class, {}), window=window)
