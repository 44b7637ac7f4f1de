"""Every model is its paper's when asked, and says what takes each departure back."""

import functools
import inspect
import re
from types import SimpleNamespace

import pytest

from tests.contract.departures import departures, paper, source, table, trained
from tests.contract.model_cases import (
    CASES,
    IN_ONE_PASS,
    OF_WINDOWS,
    ORIGINAL,
    its_features,
    the_board,
)
from tests.signatures import arguments_of
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.data.splits import last_events_out
from tfrec_recall.graph import Cosine
from tfrec_recall.models import (
    BGE,
    EGES,
    MIND,
    AirbnbListing,
    FMRecall,
    FunkSVD,
    GraphSAGE,
    Item2Vec,
    ItemCF,
    NeuralCF,
    PinSAGE,
    RecallModel,
    TwoTower,
)
from tfrec_recall.models.published import TRAINING, Published, example

PLAIN = [model_class for model_class in CASES if model_class.PUBLISHED is not None]
KEYS = [(model_class, key) for model_class in PLAIN for key in model_class.UNREAD]
BESIDE = {
    (ItemCF, "by_rating"): {"ratings": True},
    (GraphSAGE, "unsupervised"): {"label": "tags", "with_id": True},
}
SMALL = {"dim", "hidden", "item_type"}
MADE_IN_NO_TIME = IN_ONE_PASS | (OF_WINDOWS & set(ORIGINAL))
MADE_IN_NO_TIME |= {FMRecall, FunkSVD, MIND, NeuralCF, TwoTower}
BESIDE_FLAGS = {FMRecall: {"negatives": 9, "temperature": 0.5}, MIND: {"power": 1.5}}


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
def test_each_departure_is_taken_back_alone(model_class):
    features = its_features()
    small = {name: CASES[model_class][name] for name in SMALL & CASES[model_class].keys()}
    for departure in departures(model_class):
        model_class(features, **{**small, **departure.arguments})


@pytest.mark.parametrize("model_class", PLAIN)
def test_the_source_names_the_paper(model_class):
    assert re.fullmatch(rf'"[^"]{{20,}}", {model_class.plain_form().paper}', paper(model_class))


def test_papers_of_one_venue_are_told_apart():
    assert len({paper(cls) for cls in (EGES, PinSAGE, AirbnbListing)}) == 3
    assert paper(EGES) == paper(BGE)
    assert "Sampling-Bias-Corrected Neural Modeling" in source(TwoTower)  # over two lines


def test_a_docstring_without_a_title_is_refused(monkeypatch):
    monkeypatch.setattr(EGES, "__doc__", "Vectors.\n\nSource: KDD 2018, Eq. 6.\n")
    with pytest.raises(ValueError, match=r"a title before the venue.*KDD 2018\. Received: .*EGES"):
        paper(EGES)
    monkeypatch.setattr(EGES, "__doc__", "Vectors.")
    with pytest.raises(ValueError, match=r"says `Source: .*Received: none of EGES"):
        paper(EGES)


@pytest.mark.parametrize("model_class", PLAIN)
def test_the_table_has_every_departure(model_class):
    rows = table([model_class]).splitlines()[2:]
    assert len(rows) >= len(departures(model_class))
    assert all(row.count("|") == 5 for row in rows)


@pytest.mark.parametrize("model_class", PLAIN)
def test_what_is_chosen_here_is_not_told_as_the_papers(model_class):
    plain = model_class.plain_form()
    assert set(plain.chosen) <= set(plain.settings)
    told = {row for row in table([model_class]).splitlines() if "(chosen here)" in row}
    assert bool(told) == bool(plain.chosen)
    assert all(any(f"`{name}=" in row for row in told) for name in plain.chosen)


def test_steps_of_its_own_are_told_of_no_optimizer():
    assert trained(Item2Vec) == "`epochs=20`"
    assert trained(GraphSAGE) == "`Adam`, `batch_size=512`"


def test_a_model_does_not_depart_by_what_it_does_not_do():
    assert "cold_rate" not in {n for each in departures(BGE) for n in each.arguments}
    assert "cold_rate" in EGES.plain_form().arguments


def test_overrides_come_last():
    model = NeuralCF.published(its_features(), dim=5, negatives=3)
    assert (model.negatives, model.apart) == (3, 0.0)
    assert model.output_layer.kernel.shape == (10, 1)


def overriding(model_class, key):
    """An override that a key of `UNREAD` is of, with what it needs beside it."""
    name, value = key
    return {**BESIDE.get((model_class, name), {}), name: example(value)}


@pytest.mark.parametrize(("model_class", "key"), KEYS)
def test_the_plain_form_leaves_out_what_an_override_does_not_read(model_class, key):
    features = model_class.default_features(the_board()).adapt(the_board())
    made = model_class.published(features, **overriding(model_class, key)).get_config()
    for unread in model_class.UNREAD[key]:
        default = arguments_of(model_class)[unread].default
        assert made.get(unread, default) == default


def others(model_class):
    """Arguments with a value that the plain form does not have, one by one."""
    yield from BESIDE_FLAGS.get(model_class, {}).items()
    plain = model_class.plain_form().arguments
    for name, parameter in arguments_of(model_class).items():
        value = plain.get(name, parameter.default)
        if isinstance(value, bool):
            yield name, not value
        elif isinstance(value, (int, float)) and model_class in IN_ONE_PASS:
            yield name, value + 1
        elif name == "similarity":
            yield name, Cosine()


@pytest.mark.parametrize("model_class", [c for c in PLAIN if c in MADE_IN_NO_TIME])
def test_no_override_is_refused_for_what_the_caller_did_not_give(model_class):
    types = {n: v for n, v in CASES[model_class].items() if n in ("user_type", "item_type")}
    for name, value in others(model_class):
        override = {**types, **BESIDE.get((model_class, name), {}), name: value}
        try:
            model_class.published(its_features(), **override)
        except ValueError as error:
            named = set(re.findall(r"(\w+)=", str(error).partition("Received:")[2]))
            if not named <= set(override):  # the form is not to blame where it needs yet another
                with pytest.raises(ValueError, match="Received:"):
                    model_class(its_features(), **override)


@pytest.mark.parametrize(("model_class", "key"), KEYS)
def test_settings_leave_out_what_others_do_not_read(model_class, key, monkeypatch):
    override, made = overriding(model_class, key), []

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
    defaults = arguments_of(model_class)
    assert override.items() <= made[0].items()
    assert all(
        made[0].get(name, defaults[name].default) == defaults[name].default
        for name in model_class.UNREAD[key]
    )


def test_a_model_without_a_paper_says_so(monkeypatch):
    monkeypatch.setattr(RecallModel, "PUBLISHED", None)
    with pytest.raises(ValueError, match="RecallModel does not say which paper"):
        RecallModel.published(its_features())


def test_what_a_paper_does_not_say_of_training_is_left_open():
    plain = Published("KDD 2018", {"l2": 0.1}, epochs=3)
    assert plain.settings == {"epochs": 3, "l2": 0.1}
    assert plain.optimizer is None
