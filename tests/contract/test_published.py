"""Every model is its paper's when asked, and says what takes each departure back."""

import functools
import inspect
from types import SimpleNamespace

import pytest

from tests.contract.departures import departures, table
from tests.contract.model_cases import CASES, its_features, the_board
from tests.signatures import arguments_of
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.data.splits import last_events_out
from tfrec_recall.models import NeuralCF, RecallModel
from tfrec_recall.models.published import TRAINING, Published

PLAIN = [model_class for model_class in CASES if model_class.PUBLISHED is not None]


@pytest.mark.parametrize("model_class", PLAIN)
def test_each_departure_is_taken_back_by_its_argument(model_class):
    parameters = arguments_of(model_class)
    taken_back = {}
    for departure in departures(model_class):
        taken_back |= departure.arguments
    published = dict(model_class.plain_form().arguments)
    assert taken_back == published
    for name, value in published.items():
        default = parameters[name].default
        assert default is not inspect.Parameter.empty
        assert default != value, f"{name} is the paper's already"
    assert not set(published) & set(TRAINING)  # a settings file holds both


@pytest.mark.parametrize("model_class", PLAIN)
def test_the_source_names_the_paper(model_class):
    sources = " ".join(" ".join((cls.__doc__ or "").split()) for cls in model_class.__mro__)
    assert model_class.plain_form().paper in sources


@pytest.mark.parametrize("model_class", PLAIN)
def test_the_table_has_every_departure(model_class):
    rows = table([model_class]).splitlines()[2:]
    assert len(rows) >= len(departures(model_class))
    assert all(row.count("|") == 5 for row in rows)


def test_overrides_come_last():
    model = NeuralCF.published(its_features(), dim=5, negatives=3)
    assert (model.negatives, model.apart) == (3, 0.0)
    assert model.output_layer.kernel.shape == (10, 1)


@pytest.mark.parametrize(
    ("model_class", "override"), [(c, dict([key])) for c in PLAIN for key in c.UNREAD]
)
def test_the_plain_form_leaves_out_what_an_override_does_not_read(model_class, override):
    features = model_class.default_features(the_board()).adapt(the_board())
    made = model_class.published(features, **override).get_config()
    ((name, value),) = override.items()
    for unread in model_class.UNREAD[name, value]:
        default = arguments_of(model_class)[unread].default
        assert made.get(unread, default) == default


@pytest.mark.parametrize(
    ("model_class", "override"), [(c, dict([key])) for c in PLAIN for key in c.UNREAD]
)
def test_settings_leave_out_what_others_do_not_read(model_class, override, monkeypatch):
    made = []

    class Seen(Exception):
        pass

    @functools.wraps(model_class.__init__)
    def seen(self, features, **arguments):
        made.append(arguments)
        raise Seen

    monkeypatch.setattr(model_class, "__init__", seen)
    entry = SimpleNamespace(name="toy", load=lambda: model_class)
    split = last_events_out(the_board(), test=1, validation=1)
    with pytest.raises(Seen):
        train_model(entry, split, override, seed=0, published=True)
    ((key, unread),) = [(k, v) for k, v in model_class.UNREAD.items() if dict([k]) == override]
    defaults = arguments_of(model_class)
    assert made[0][key[0]] == key[1]
    assert all(
        made[0].get(name, defaults[name].default) == defaults[name].default for name in unread
    )


def test_a_model_without_a_paper_says_so(monkeypatch):
    monkeypatch.setattr(RecallModel, "PUBLISHED", None)
    with pytest.raises(ValueError, match="RecallModel does not say which paper"):
        RecallModel.published(its_features())


def test_what_a_paper_does_not_say_of_training_is_left_open():
    assert Published("KDD 2018", {"l2": 0.1}, epochs=3).settings == {"epochs": 3, "l2": 0.1}
