"""Items are taken out of exports that know them by neighbours or scores, and come back."""

import shutil

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import printed
from tests.retrieval.toys import item_ids, scoring, texts
from tests.untraced import without_graphs
from tfrec_recall.export import export, load
from tfrec_recall.operations.reindex import reindex, reindexed
from tfrec_recall.operations.remaining_items import RemainingItems
from tfrec_recall.retrieval import (
    Diversity,
    Exact,
    InvertedFile,
    NeighbourRetriever,
    Popularity,
)

COUNT, WIDTH = 20, 4
IDS = item_ids(COUNT)
NEIGHBOURS = (np.arange(COUNT)[:, np.newaxis] + np.arange(1, WIDTH + 1)) % COUNT  # the next four
WEIGHTS = np.tile(np.arange(WIDTH, 0, -1), (COUNT, 1))
POPULAR = [7 * item % COUNT for item in range(COUNT)]  # no two alike
ITEMS = pd.DataFrame({"item_id": IDS, "kind": ["a", "b"] * 10, "price": np.arange(COUNT) / 2})
GONE = [4, 6, 7]
LEFT = ITEMS.drop(index=GONE).assign(
    kind=lambda table: table["kind"].where(table["item_id"] != "item 5", "a")
)


def of_neighbours(items=ITEMS):
    table = NeighbourRetriever(IDS, NEIGHBOURS, WEIGHTS, POPULAR, k=6)
    return table.with_filters(items, ["kind", "price"])


def changed(items):
    """All items, as this table tells of some."""
    return pd.concat([ITEMS[~ITEMS["item_id"].isin(items["item_id"])], items])


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A version of all items."""
    path = tmp_path_factory.mktemp("exports") / "neighbours"
    return load(export(of_neighbours(), path, items=ITEMS))


@pytest.fixture(scope="module")
def some(first):
    """Over what is left of them."""
    return reindexed(first, LEFT)


@pytest.mark.parametrize(
    "filters",
    [
        None,
        {"where_kind": [["a"]]},
        {"where_not_kind": [["a"]], "max_price": [6.5]},
        {"where_kind": [["none"]]},
    ],
)
def test_lists_are_those_of_requests_that_leave_them_out(some, filters):
    gone = [IDS[item] for item in GONE]
    history = {"history": [["item 2"], ["item 4", "item 3"], ["new"], ["item 7"]]}
    whole = of_neighbours(changed(LEFT))  # requests choose by the new table
    with without_graphs():
        for k in (3, 6):
            wanted = whole(history, k, [[*gone, "item 5"]], filters=filters)
            found = some(history, k, [["item 5"]], filters=filters)
            assert texts(found[0]) == texts(wanted[0])
            voted = wanted[1].numpy() > 0
            np.testing.assert_allclose(found[1].numpy()[voted], wanted[1].numpy()[voted])
            alike = whole.similar_items(IDS[:4], k, [gone], filters)
            assert texts(some.similar_items(IDS[:4], k, None, filters)[0]) == texts(alike[0])
        assert not {*np.ravel(texts(found[0]))} & {*gone}
        assert texts(some.similar_items(gone, filters=filters)[0]) == [[""] * 6] * 3


def test_what_comes_back_is_as_it_was(first, tmp_path):
    gone = [IDS[item] for item in GONE]
    shutil.copytree(first.path, tmp_path / "1")
    told = reindex(tmp_path, LEFT)
    assert (told.changes.removed, told.changes.changed, told.index) == (gone, ["item 5"], None)
    second = load(told.version)
    assert (len(second.item_ids), second.signatures) == (17, first.signatures)
    assert second.filter_inputs == first.filter_inputs
    third = reindexed(second, ITEMS)
    query = {"history": [["item 3"], ["item 19", "item 6"]]}
    filters = {"where_kind": [["b"]]}
    with without_graphs():
        assert texts(third(query, filters=filters)[0]) == texts(first(query, filters=filters)[0])
        assert texts(third.similar_items(IDS)[0]) == texts(first.similar_items(IDS)[0])
    # It is made of the first one's functions, and not of those that are made of them.
    of_first, of_third = (
        one.recommend.concrete_functions[0].name.rpartition(b"_")[0]
        for one in (first.saved, third.whole)
    )
    assert of_third == of_first


def test_what_cannot_be_is_refused_by_name(first, tmp_path, capsys):
    more = pd.concat([ITEMS, ITEMS[:1].assign(item_id="new")])
    with pytest.raises(ValueError, match=r"\(neighbours\) knows items .*update.*Received: 1 new"):
        reindexed(first, more)
    with pytest.raises(ValueError, match=r"leave index .* and rebuild \(--rebuild\) out"):
        reindexed(first, LEFT, Exact(), rebuild=True)
    with pytest.raises(ValueError, match="not spread over categories"):
        reindexed(first, LEFT, diversity=Diversity(["a"] * len(LEFT), 1.0))
    LEFT.to_parquet(tmp_path / "left.parquet")
    command = [first.path, "--items", tmp_path / "left.parquet", "--recall", "0.9"]
    said = printed("reindex", capsys, *command, code=1).err
    assert "this export has none of its own" in " ".join(said.split())


def test_a_shortlist_is_scored_as_before():
    index = InvertedFile(leaves=3, leaves_to_search=3, reorder=20)
    whole = scoring(COUNT, 12, index, tuning_queries={"country": ["f" * n for n in range(64)]})
    popular = Popularity(IDS, POPULAR)
    left = ITEMS["item_id"].drop(index=GONE).to_numpy()
    made = RemainingItems(whole.with_fallback(popular), left, 5).with_fallback(popular)
    query = {"country": ["", "f", "fr"]}
    with without_graphs():
        wanted = whole(query, exclude=[[IDS[item] for item in GONE]])
        found = made(query)
    assert texts(found[0]) == texts(wanted[0])
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-5)
    assert made.report["index"] == whole.report["index"]
    assert made.tuned_with is whole.tuned_with
    with pytest.raises(ValueError, match=r"shortlist of 12 items.*Received: k=13"):
        RemainingItems(whole, left, 13)
