"""Without times a user's items are a set, and so are those of a session."""

import functools
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.models.graphs import test_eges, test_graph_sage
from tests.models.graphs.test_pin_sage import groups, margin
from tests.references import graphs
from tfrec_recall.data import Interactions, has_baskets, recent
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.models import BGE, EGES, GES, GraphSAGE, Item2Vec
from tfrec_recall.models.graphs.sequence_graph import tell_of_sets

EACH = pytest.mark.parametrize("model_class", [BGE, GES, EGES, GraphSAGE])
features_of = test_eges.features_of


@functools.cache
def timeless():
    timed = groups()
    return timed.with_events(timed.events.drop(columns="timestamp"))


@functools.cache
def trained(model_class):
    if model_class is GraphSAGE:
        return test_graph_sage.trained(timeless(), epochs=10)
    return test_eges.trained(model_class, timeless())


def sets_of(features, events, *by):
    """The encoded items of each user, or of each session."""
    encoding = features.ids("item_id")
    taken = events.groupby(list(by))["item_id"].unique()
    return [encoding.encode(pd.Series(items)) for items in taken]


@EACH
def test_the_graph_is_that_of_the_users_sets_whatever_the_order_of_rows(model_class):
    some = timeless().with_events(timeless().events.head(60))
    again = some.events.head(7)  # an item taken twice is in the set once
    shuffled = pd.concat([some.events, again]).sample(frac=1, random_state=0, ignore_index=True)
    features = features_of(some)
    model = model_class(features, reach=1)
    expected = graphs.basket_graph(sets_of(features, some.events, "user_id"), 16)
    for data in (some, some.with_events(shuffled)):
        graph = model.graph(data)
        np.testing.assert_allclose(graph.toarray(), expected, rtol=1e-5)
        assert (graph.data.dtype, graph.indices.dtype) == ("float32", "int32")


@EACH
def test_sessions_are_sets_where_there_are_any(model_class):
    events = timeless().events.head(40)
    events = events.assign(session_id=np.arange(40) % 2)
    data = Interactions(events, items=timeless().items)
    features = features_of(data)
    for by_session, by in ((None, ["user_id", "session_id"]), (False, ["user_id"])):
        found = model_class(features, by_session=by_session).graph(data)
        expected = graphs.basket_graph(sets_of(features, events, *by), 16)
        np.testing.assert_allclose(found.toarray(), expected, rtol=1e-5)


@EACH
def test_whether_sessions_are_baskets_the_features_say(model_class):
    """A few later events may share one time in each session by chance."""
    events = groups().events.assign(session_id=1)
    model = model_class(features_of(groups().with_events(events)), reach=1)
    later = groups().with_events(events.head(10).assign(timestamp=1))
    assert has_baskets(later)
    assert 0 < np.diff(model.graph(later).indptr).max() <= 2  # neighbours in an order


@pytest.mark.parametrize("model_class", [BGE, EGES, GraphSAGE])
def test_sets_teach_which_items_belong_together(model_class):
    model = trained(model_class)
    vectors = model.embed_items(timeless().items)
    assert margin(vectors) > 0.3
    retriever = model.retriever(timeless().items)
    np.testing.assert_allclose(
        retriever.embed_item({"item_id": ["i3"]})[0], vectors[3], rtol=1e-4, atol=1e-5
    )
    ids, _ = retriever({"history": [["i0", "i1"]]}, k=5, exclude=[["i0", "i1"]])
    assert set(ids.numpy()[0].astype(str)) == {f"i{item}" for item in range(2, 7)}


@pytest.mark.parametrize("model_class", [EGES, GraphSAGE])
def test_a_set_that_comes_later_is_learnt(model_class):
    """A new item beside two round ones, in rows that put a square one of another user between."""
    row = {"item_id": ["new"], "kind": ["oval"], "tags": [[]], "price": [1.0]}
    items = pd.concat([timeless().items, pd.DataFrame(row)], ignore_index=True)
    taken = {"user_id": ["v", "w", "v", "w", "v"], "item_id": ["i0", "i9", "new", "i8", "i1"]}
    since = Interactions(pd.DataFrame(taken), items=items)
    model = trained(model_class)
    model = model.grow(model.features.grow(since))
    model.update(recent(timeless(), since, length=model.history_needed, replay=0), epochs=8)
    cosines = model.embed_items(items) @ model.embed_items(items.tail(1))[0]
    assert cosines[:7].mean() > cosines[7:14].mean() + 0.1


@EACH
def test_what_is_joined_is_told_where_there_is_no_order(model_class):
    told = rf"{model_class.__name__}: the events have no timestamps.*joined as a set.*reach has no"
    with pytest.warns(ReadingNotice, match=told):
        model_class(features_of(timeless())).training_data(timeless())
    single = timeless().with_events(timeless().events.drop_duplicates("user_id"))
    with pytest.raises(NoExample, match=rf"{model_class.__name__} learns from different items"):
        model_class(features_of(single)).training_data(single)


@pytest.mark.parametrize("model_class", [BGE, GES, EGES])
def test_published_forms_end_sequences_at_pauses_and_need_times(model_class):
    with pytest.raises(ValueError, match=rf"{model_class.__name__} ends .*needs times.*gap=3600"):
        model_class.published(features_of(timeless()))


def test_pauses_and_an_order_that_the_features_know_need_times():
    for model_class in (GraphSAGE, Item2Vec):
        with pytest.raises(ValueError, match=r"no timestamps: leave gap out.*Received: gap=9\.0"):
            model_class(features_of(timeless()), gap=9.0)
    for model_class in (EGES, GraphSAGE):
        told = rf"{model_class.__name__}, whose features .*with times, needs to know .* a set\. The"
        with pytest.raises(ValueError, match=told):
            model_class(features_of(groups())).training_data(timeless())


def test_a_reach_that_baskets_do_not_have_is_told():
    features = SimpleNamespace(has_order=True, has_baskets=True)
    model = SimpleNamespace(features=features, reach=5, by_session=None, gap=None)
    with pytest.warns(ReadingNotice, match=r"reach=5 has no effect"):
        tell_of_sets(model, usual=2)
    model.reach = 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_of_sets(model, usual=2)
