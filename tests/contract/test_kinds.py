"""What is no interactions, split or table is refused with the way on, by all that takes such."""

import inspect

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import CASES, IN_ONE_PASS, built, its_features, the_board, trained
from tfrec_recall import data, evaluation, features, models
from tfrec_recall.data.kinds import WAYS, WrongKind

BOXES = (data, evaluation, features)
TAKES_A_KIND = {
    f"{box.__name__}.{name}": function
    for box in BOXES
    for name in box.__all__
    if inspect.isfunction(function := getattr(box, name))
    and next(iter(inspect.signature(function).parameters.values())).annotation in WAYS
}
UNCHECKED = {"tfrec_recall.evaluation.compare"}


@pytest.mark.parametrize("name", sorted(TAKES_A_KIND.keys() - UNCHECKED))
@pytest.mark.parametrize("given", [[1, 2], the_board().items["item_id"]], ids=["list", "column"])
def test_functions_of_interactions_and_splits_refuse_other_kinds(name, given):
    function = TAKES_A_KIND[name]
    first, *others = inspect.signature(function).parameters.values()
    needed = {one.name: None for one in others if one.default is one.empty}
    kind = type(given).__name__
    wanted = rf"^{function.__name__} takes {first.name} as {first.annotation}: .*kind {kind}\."
    with pytest.raises(WrongKind, match=wanted):
        function(given, **needed)


@pytest.mark.parametrize("model_class", CASES)
def test_models_say_whether_they_learn_from_parts(model_class):
    parts = object.__new__(data.PartedInteractions)  # whoever takes them finds none
    for takes in (model_class.default_features, built(model_class).training_data):
        with pytest.raises((WrongKind, AttributeError)) as raised:
            takes(parts)
        assert (raised.type is WrongKind) != model_class.learns_from_parts


def test_there_are_functions_to_try():
    assert len(TAKES_A_KIND) > 15


@pytest.mark.parametrize("model_class", CASES)
def test_models_refuse_other_kinds(model_class):
    name, board = model_class.__name__, the_board()
    with pytest.raises(WrongKind, match=r"default_features takes .*Interactions\(events, users"):
        model_class.default_features(board.events)
    model = built(model_class)
    with pytest.raises(WrongKind, match=r"training_data takes train .*split\.train has them"):
        model.training_data(data.last_events_out(board, test=1, validation=1))
    with pytest.raises(WrongKind, match=r"validation_data takes interactions .*split\.train has"):
        model.validation_data(data.last_events_out(board, test=1, validation=1))
    with pytest.raises(WrongKind, match=r"update takes recent as Recent: data\.recent\("):
        model.update(board)
    for way in ("retriever", "trigger_retriever", "fold_in_retriever"):
        if hasattr(model, way):
            with pytest.raises(
                WrongKind, match=rf"{way} takes items as DataFrame: interactions\.it"
            ):
                getattr(model, way)(board)
            with pytest.raises(WrongKind, match=rf"{way} takes index as IndexSettings or None: "):
                getattr(model, way)(board.items, index="scann")
    with pytest.raises(ValueError, match=r"retriever takes items .*'item_id'\. Received: 'title'"):
        model.retriever(pd.DataFrame({"title": ["a"]}))
    with pytest.raises(WrongKind, match=r"embed_items takes items .*of the kind list"):
        model.embed_items([1, 2])
    with pytest.raises(WrongKind, match=r"grow takes features .*of the kind Interactions"):
        model.grow(board)
    with pytest.raises(
        ValueError, match=rf"predict and a call of|{name} has no vectors of queries"
    ):
        model.predict(board)
    if model_class in IN_ONE_PASS:
        with pytest.raises(WrongKind, match=r"adapt takes train as Interactions"):
            model.adapt(board.events)


def test_a_part_of_a_split_is_refused_with_the_way_to_measure_it():
    split = data.last_events_out(the_board(), test=1, validation=1)
    model, part = built(models.TwoTower), split.validation
    with pytest.raises(WrongKind, match=r"RecallOnValidation\(split\).*kind Part\.") as refusal:
        model.validation_data(part)
    for called in (
        "split.train.with_events(part.targets)",
        "recent(split.train, later, replay=0).to_learn",
    ):
        assert called in str(refusal.value)
    later = split.train.with_events(part.targets)
    batches = model.validation_data(data.recent(split.train, later, replay=0).to_learn, 64)
    assert sum(len(batch["item_id"]) for batch in batches) == len(part.targets)
    with pytest.raises(WrongKind, match=r"takes split as Split: give the whole split"):
        evaluation.evaluate(trained(models.TwoTower)[0].retriever(the_board().items), part)
    with pytest.raises(WrongKind, match=r"takes items as DataFrame: part\.targets"):
        model.retriever(part)


def test_features_refuse_other_kinds():
    with pytest.raises(WrongKind, match=r"Features\.adapt takes interactions"):
        its_features().adapt(the_board().events)
    with pytest.raises(WrongKind, match=r"Features\.grow takes interactions"):
        its_features().grow(the_board().events)


def test_a_subclass_may_have_what_is_no_method_by_these_names():
    class Own(models.Popular):
        validation_data = property(lambda self: "held")

        @staticmethod
        def default_features(interactions, columns=None):
            return "own"

        def call(self, inputs, training=False):
            return 2.0 * inputs

    model = Own(models.Popular.default_features(the_board()).adapt(the_board()))
    assert model.validation_data == "held"
    assert model.default_features(the_board()) == Own.default_features(the_board()) == "own"
    np.testing.assert_allclose(model.predict(np.ones((2, 3)), verbose=0), 2.0)
