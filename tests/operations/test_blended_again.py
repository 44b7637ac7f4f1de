"""A blend over other items is that of its channels over them, with the weights that it had."""

import numpy as np
import pytest

from tests.cli.conftest import printed
from tests.operations.test_reindex import ASKED, ITEMS, NEW, over
from tests.retrieval.toys import texts
from tests.untraced import without_graphs
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import export, load
from tfrec_recall.operations.reindex import reindexed
from tfrec_recall.retrieval import Blend, Exact, NeighbourRetriever, ReciprocalRank

WEIGHTS = {"colours": 0.7, "near": 0.3}
MERGING = ReciprocalRank(WEIGHTS, 10.0)
QUERY = {**ASKED, "history": [["i3"], ["i1", "i5"], ["new"]]}


def of_neighbours():
    """Of each item, the next two."""
    neighbours = (np.arange(8)[:, np.newaxis] + [1, 2]) % 8
    return NeighbourRetriever(ITEMS["item_id"], neighbours, np.tile([2, 1], (8, 1)), range(8), k=6)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """The versions of the channels, by name, and of the blend."""
    path = tmp_path_factory.mktemp("exports")
    made = {"colours": over(ITEMS), "near": of_neighbours()}
    channels = {name: export(one, path / name, items=ITEMS) for name, one in made.items()}
    blended = Blend({name: load(one) for name, one in channels.items()}, MERGING, k=4, depth=6)
    told = {"settings": {"exports": {name: str(one) for name, one in channels.items()}}}
    return channels, export(blended, path / "blend", data=told, items=ITEMS)


def test_its_channels_get_the_items_and_its_weights_stay(exports, tmp_path, capsys):
    channels, blended = exports
    NEW.to_parquet(tmp_path / "new.parquet")
    command = [blended, "--items", tmp_path / "new.parquet", "--k", "3", "--to", tmp_path / "to"]
    said = printed("reindex", capsys, *command)
    assert "near lists 6 of 8 items: it cannot embed new ones" in said.err
    assert "Added: 2: n1, n2" in said.out
    told = "colours: nothing, as exact search needs no tuning; near: nothing, as it stays"
    assert f"Index: none of its own; tuned with {told}" in said.out
    made = load(tmp_path / "to")
    assert made.report["merging"] == {"by": "ReciprocalRank", "weights": WEIGHTS, "constant": 10.0}
    assert (made.report["depth"], made.k, len(made.item_ids)) == (6, 3, 8)
    near = reindexed(load(channels["near"]), NEW[:-2])
    with without_graphs():
        wanted = Blend({"colours": over(NEW), "near": near}, MERGING, k=3, depth=6)
        wanted = wanted.recommend_with_channel(QUERY)
    lists = made.recommend_with_channel(QUERY)
    for one, other in zip((lists[0], lists[2]), (wanted[0], wanted[2]), strict=True):
        assert texts(one) == texts(other)
    np.testing.assert_allclose(lists[1], wanted[1], rtol=1e-5)


def test_what_stands_in_the_way_is_said_with_the_way_on(exports, tmp_path):
    channels, version = exports
    blended = load(version)

    def of(**changed):
        blended.card["data"] = {"settings": {"exports": {**channels, **changed}}}
        return blended

    with pytest.raises(ValueError, match="searched by its channels' own: leave index"):
        reindexed(blended, ITEMS, Exact())
    way = r"tfrec-recall blend EXPORT… --weight colours=0.7 --weight near=0.3"
    gone = tmp_path / "gone"
    with pytest.raises(ValueError, match=rf"{way}: channel near is not there any more.*{gone}"):
        reindexed(of(near=gone), ITEMS)
    with (
        pytest.warns(ReadingNotice, match="near lists 6 of 8 items"),
        pytest.raises(ValueError, match=r"channels that embed them, and this blend has none.*n1"),
    ):
        reindexed(of(colours=channels["near"]), NEW)
    with pytest.raises(ValueError, match=r"of which exports it was made.*exports .*'third'"):
        reindexed(of(third=gone), ITEMS)
    blended.card["created"] = "2020-01-01T00:00:00+00:00"
    with pytest.raises(ValueError, match="channel colours was written anew since"):
        reindexed(of(), ITEMS)
