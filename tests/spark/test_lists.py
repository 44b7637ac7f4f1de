"""Lists by an export on all workers are those of one process."""

import json

import pandas as pd
import pytest

from tests.retrieval.toys import item_ids, retriever
from tests.spark.conftest import same
from tfrec_recall import data
from tfrec_recall.export import export, load
from tfrec_recall.export.version_files import CARD, EXTRA
from tfrec_recall.operations import EveryUser, Recommendations, answer_all

pytest.importorskip("pyspark", reason="these tests need PySpark: pip install 'pyspark>=4,<5'")

from tfrec_recall import spark as on
from tfrec_recall.spark import lists


def test_lists_are_those_of_a_batch(spark, shop, tmp_path, monkeypatch):
    model = tmp_path / "für 100% Öl"
    loaded = load(export(retriever(60), model))
    events = shop.events.assign(item_id=[item_ids(60)[one] for one in shop.events["item_id"]])
    events["price.usd"] = 1.5
    whole = data.Interactions(events, shop.users, mend_ids=False)
    answer_all(
        loaded, EveryUser(whole, loaded.inputs), tmp_path / "lists", Recommendations(7), 8, 20
    )
    expected = pd.concat(map(pd.read_parquet, sorted((tmp_path / "lists").glob("*.parquet"))))
    there = on.SparkInteractions(
        spark.createDataFrame(whole.events), spark.createDataFrame(shop.users), mend_ids=False
    )
    monkeypatch.setattr(lists, "USERS_AT_A_TIME", 15)
    found = on.recommendations(there, f"file:{model}", k=7, batch_size=8)
    same(found, expected.reset_index(drop=True), rtol=1e-5)
    with pytest.warns(data.notices.ReadingNotice, match="are asked with 5 of them"):
        found = on.recommendations(there, model, k=7, most_events=5)
    latest = whole.events[data.newer_events(whole.events) < 5]
    answer_all(
        loaded,
        EveryUser(data.Interactions(latest, shop.users, mend_ids=False), loaded.inputs),
        tmp_path / "latest",
        Recommendations(7),
    )
    expected = pd.read_parquet(tmp_path / "latest" / "part-00000.parquet")
    same(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="k as a whole number from 1 up"):
        on.recommendations(there, model, k=0)
    with pytest.raises(FileNotFoundError):
        on.recommendations(there, tmp_path / "none", k=7)
    with pytest.raises(FileNotFoundError, match="that all workers share: this one does not find"):
        lists._loaded(str(tmp_path / "none"))
    card = loaded.path / EXTRA / CARD
    told = json.loads(card.read_text())
    told["inputs"]["season"] = {"dtype": "string", "shape": [None]}
    card.write_text(json.dumps(told))
    with pytest.raises(ValueError, match="The retriever takes 'season'"):  # before any job of lists
        on.recommendations(there, model)
    on.recommendations(there, model, context=pd.DataFrame({"season": ["summer"]}))


@pytest.mark.parametrize(("k", "repeats"), [(None, None), (9, False), (3, True)])
def test_what_is_not_said_is_that_of_the_export(k, repeats):
    card = {"k": 5, "data": {"protocol": {"repeats": True}}}
    assert lists.told_by(card, k, repeats) == (k or 5, repeats is None or repeats)
    assert lists.told_by({"k": 5}, k, repeats) == (k or 5, bool(repeats))
    with pytest.raises(ValueError, match="which is not there: give k"):
        lists.told_by({}, None, repeats)
