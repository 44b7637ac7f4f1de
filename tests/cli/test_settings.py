"""Settings files: read, told apart, and nothing in them ignored."""

import json
import math

import pytest

from tfrec_recall.cli.arguments.settings import Training, of_features, read, read_all, separate
from tfrec_recall.models import NeuralCF


class Model:
    def __init__(self, features, dim=64, hidden=(256, 128), *, half_life=None, **kwargs): ...


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.json", '{"epochs": 3, "hidden": [8, 4], "learning_rate": 0.01}'),
        ("run.toml", "epochs = 3\nhidden = [8, 4]\nlearning_rate = 0.01\n"),
    ],
)
def test_json_and_toml_say_the_same(name, text, tmp_path):
    settings = read(write(tmp_path, name, text))
    assert settings == {"epochs": 3, "hidden": [8, 4], "learning_rate": 0.01}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.json", "{", r"run\.json cannot be read"),
        ("run.toml", "epochs: 3", r"run\.toml cannot be read"),
        ("run.json", "[3]", "Received: a list"),
        ("run.yaml", "epochs: 3", r"\.json or \.toml file"),
    ],
)
def test_other_files_are_refused(name, text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, name, text))


def test_training_and_model_are_told_apart_and_defaults_filled_in():
    training, arguments = separate({"epochs": 3, "dim": 8}, Model, "model")
    assert training == Training(epochs=3)
    assert arguments == {"dim": 8, "hidden": [256, 128], "half_life": None}
    json.dumps(arguments)


@pytest.mark.parametrize("name", ["dims", "features", "kwargs", "self"])
def test_an_unknown_setting_lists_the_known_ones(name):
    with pytest.raises(ValueError, match=rf"no setting '{name}'.*epochs, .*; .*dim, hidden, half"):
        separate({name: 8}, Model, "model")


def test_a_misspelt_setting_is_recognised():
    with pytest.raises(ValueError, match=r"Did you mean learning_rate\?"):
        separate({"learning-rate": 0.1}, Model, "model")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is a whole number from 1 up. Received: 0"),
        ({"batch_size": 12.5}, "batch_size is a whole number from 1 up. Received: 12.5"),
        ({"learning_rate": "fast"}, "learning_rate is a number from 0.0 up. Received: 'fast'"),
        ({"learning_rate": math.nan}, "learning_rate is a number from 0.0 up. Received: nan"),
        ({"learning_rate": 0}, "learning_rate is a number above 0.*Received: 0"),
        ({"weight_decay": math.inf}, "weight_decay is a number from 0.0 up. Received: inf"),
        ({"weight_decay": False}, "weight_decay is a number from 0.0 up. Received: False"),
        ({"rate_drops": False}, "rate_drops is a whole number from 0 up. Received: False"),
        ({"patience": True}, "patience is a whole number from 1 up. Received: True"),
        ({"rate_drops": -1}, "rate_drops is a whole number from 0 up. Received: -1"),
        ({"rate_factor": 1.0}, "rate_factor is a number between 0 and 1. Received: 1.0"),
        ({"optimizer": "SGD"}, "one of Adam, FusedAdam, LazyAdam, Row.* Received: 'SGD'"),
        ({"optimizer": 3}, "optimizer is one of Adam, .* Received: 3"),
        ({"rate_factor": 0}, "rate_factor is a number between 0 and 1. Received: 0"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        separate(settings, Model, "model")


@pytest.mark.parametrize("given", [5, {"item_id": 0}, {"item_id": True}, {"item_id": "5"}])
def test_thresholds_are_whole_numbers_by_features(given):
    separate({"min_count": given}, Model, "model")  # it is known
    with pytest.raises(ValueError, match=r"min_count has a whole number .*each feature.* Received"):
        of_features({"min_count": given})
    assert of_features({"hash_buckets": {"user_id": 9}}) == {"hash_buckets": {"user_id": 9}}


def test_the_papers_training_of_neural_cf_can_be_asked_for():
    """Its section 4.1: batches of 256, 4 negatives, rate 0.001, one loss, nothing regularised."""
    training, model = separate(NeuralCF.plain_form().settings, NeuralCF, "neural-cf")
    assert (training.batch_size, training.learning_rate, training.epochs) == (256, 0.001, 20)
    assert (model["negatives"], model["apart"], model["l2"], model["dropout"]) == (4, 0, 0, 0)
    assert model["half_life"] is model["weight_half_life"] is None
    assert 8 <= model["dim"] <= 64


def test_published_stands_beside_files_and_the_last_file_counts(tmp_path):
    first = write(tmp_path, "first.json", '{"epochs": 3, "dim": 8}')
    second = write(tmp_path, "second.toml", "epochs = 5")
    assert read_all([str(first), "published", str(second)]) == (True, {"epochs": 5, "dim": 8})
    assert read_all([]) == (False, {})
