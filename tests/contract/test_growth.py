"""Models that grow with their features: the known is answered as before, and learning goes on."""

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import (
    BATCH,
    CASES,
    GRADIENT_MODELS,
    IN_ONE_PASS,
    OF_WINDOWS,
    asked,
    beginning,
    begun,
    its_features,
    learnt_by,
    requests,
    the_board,
)
from tfrec_recall import models
from tfrec_recall.data import Interactions, recent
from tfrec_recall.data.notices import ReadingNotice

INDUCTIVE = {models.GraphSAGE, models.PinSAGE}
NEW_ITEMS, NEW_USERS = ["item fresh", "item late"], ["user fresh"]


def since():
    """Events after the board's: of known and new users, items, countries and tags."""
    board = the_board()
    known = board.items["item_id"].tolist()
    users = board.users["user_id"].tolist()
    rows = [(users[0], NEW_ITEMS[0]), (users[1], NEW_ITEMS[0]), (users[1], NEW_ITEMS[1])]
    rows += [(NEW_USERS[0], item) for item in [*known[:3], *NEW_ITEMS]]
    events = pd.DataFrame(rows, columns=["user_id", "item_id"])
    events["timestamp"] = 100_000 + 1_000 * np.arange(len(events))
    events["rating"] = 1.0 + np.arange(len(events)) % 5
    more = pd.DataFrame({"item_id": NEW_ITEMS, "tags": [["green", "red"], []]})
    people = pd.DataFrame({"user_id": NEW_USERS, "country": ["pl"]})
    return Interactions(
        events,
        pd.concat([board.users, people], ignore_index=True),
        pd.concat([board.items, more], ignore_index=True),
    )


def of_known_users():
    """Without the stranger's request, which popularity answers by counts that have grown."""
    return {name: values[:-1] for name, values in requests(the_board()).items()}


@pytest.fixture(scope="module")
def later():
    return since()


@pytest.fixture(scope="module")
def features(later):
    return its_features().grow(later)


@pytest.fixture(scope="module")
def grown(features):
    found = {}

    def of(model_class):
        if model_class not in found:
            found[model_class] = begun(model_class).grow(features)
        return found[model_class]

    return of


@pytest.mark.parametrize("model_class", CASES)
def test_lists_are_those_of_before(model_class, grown):
    queries = of_known_users()
    after = grown(model_class).retriever(the_board().items, k=7)
    ids, scores = asked(beginning(model_class), queries, k=7)
    ids_then, scores_then = asked(after, queries, k=7)
    np.testing.assert_allclose(scores_then, scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ids_then, ids)


@pytest.mark.parametrize("model_class", CASES)
def test_new_items_are_listed_and_the_old_keep_their_scores(model_class, grown, later):
    queries = of_known_users()
    retriever = grown(model_class).retriever(later.items, k=len(later.items))
    ids, scores = asked(retriever, queries, k=len(later.items))
    ids_then, scores_then = asked(beginning(model_class), queries, k=len(the_board().items))
    for row, scored in enumerate(zip(ids, scores, strict=True)):
        found = {i: s for i, s in zip(*scored, strict=True) if i and i not in NEW_ITEMS}
        there = dict(zip(ids_then[row], scores_then[row], strict=True))
        there = {name: score for name, score in there.items() if name}
        assert found.keys() == there.keys()
        for name, score in there.items():
            assert found[name] == pytest.approx(score, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("model_class", CASES)
def test_it_learns_on(model_class, grown, features, later):
    """New items find their way into lists, and the optimiser's steps go on from where they were."""
    before = grown(model_class)
    model = before.grow(features)  # a copy: the other is shared
    model.keep_state(the_board())
    since = recent(the_board(), later, length=model.history_needed)
    model.run_eagerly = model_class not in OF_WINDOWS
    model.update(since, epochs=1, batch_size=BATCH)
    changed = [
        not np.array_equal(old.numpy(), new.numpy())
        for old, new in zip(learnt_by(before), learnt_by(model), strict=True)
        if old.shape == new.shape
    ]
    assert any(changed)
    retriever = model.retriever(later.items, k=len(later.items))
    ids, _ = asked(retriever, of_known_users(), k=len(later.items))
    assert set(NEW_ITEMS) & set(ids.ravel())
    if model_class not in IN_ONE_PASS | OF_WINDOWS | INDUCTIVE:
        assert int(model.optimizer.iterations) > int(before.optimizer.iterations)


@pytest.mark.parametrize("model_class", [c for c in GRADIENT_MODELS if "training_data" in vars(c)])
def test_new_training_data_leave_lists_as_they_were(model_class, grown, features, later):
    """A fit on new events alone goes on from what is known: means, counts and graphs stay."""
    model = grown(model_class).grow(features)  # a copy: the other is shared
    model.training_data(later, batch_size=BATCH)
    queries = of_known_users()
    ids, scores = asked(model.retriever(the_board().items, k=7), queries, k=7)
    ids_then, scores_then = asked(beginning(model_class), queries, k=7)
    np.testing.assert_allclose(scores, scores_then, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ids, ids_then)


@pytest.mark.parametrize("model_class", sorted(IN_ONE_PASS, key=str))
def test_a_fit_that_forgets_says_so(model_class, grown, features, later):
    model = grown(model_class).grow(features)
    said = rf"{model_class.__name__}\.fit learns anew, .*forgotten.* call update\(recent\("
    with pytest.warns(ReadingNotice, match=said):
        model.fit(later)
