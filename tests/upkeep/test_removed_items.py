"""An update goes on knowing the items that `reindex` took out, so that they can come back."""

from types import SimpleNamespace

import numpy as np

from tests.models.item_embeddings.test_item2vec import groups, with_random_vectors
from tfrec_recall.export import export, load
from tfrec_recall.models import ItemCF
from tfrec_recall.operations.reindex import reindex
from tfrec_recall.operations.remembered_items import RememberedItems
from tfrec_recall.upkeep.next_retriever import retriever_of, with_removed


def test_histories_have_them_and_they_come_back_as_the_model_knows_them(tmp_path):
    data = groups()
    model = with_random_vectors(data, popularity=0.5)
    model.has_learnt.assign(1)
    every, query = data.items, {"history": [["i0", "i9"]]}
    whole, made = (model.retriever(items, k=5) for items in (every, every[4:]))
    assert with_removed(whole, model, every) is None
    removed = with_removed(made, model, every)
    assert set(removed.item_ids) == set(every["item_id"][:4])
    np.testing.assert_allclose(made.embed_query(query), whole.embed_query(query), rtol=1e-6)
    remembered = RememberedItems.listed(removed, np.arange(4))
    version = export(made, tmp_path / "model", items=every[4:], beside=remembered.write)
    again = load(reindex(version, every).version)
    for one, other in ((again.of_items["lift"].numpy()[:, 0], whole.of_items["lift"].numpy()[:, 0]),
                       (again.popularity.scores, whole.popularity.scores)):  # fmt: skip
        assert sorted(one) == sorted(other)
    np.testing.assert_allclose(again.embed_query(query), whole.embed_query(query), rtol=1e-6)
    lists, expected = (dict(zip(*map(np.ravel, one(query, k=12)), strict=True))
                       for one in (again, whole))  # fmt: skip
    assert lists.keys() == expected.keys()
    np.testing.assert_allclose([lists[one] for one in expected], [*expected.values()], rtol=1e-5)


def test_neighbours_stay_with_an_update_that_does_not_list_them():
    data = groups()
    model = ItemCF(ItemCF.default_features(data).adapt(data))
    model.fit(data)
    every, query = data.items, {"history": [["i0", "i9"], ["i2"]]}
    whole = model.retriever(every, k=5)
    like = SimpleNamespace(
        report=whole.report, k=5, tuned_with=None, popularity=None, filter_inputs={}
    )
    made = retriever_of(model, every[4:], like, data, every)
    ids, _, evident = made.recommend_with_evidence(query)
    assert (evident.numpy() > 0).all()  # items that are not listed go on telling of users
    assert not {*ids.numpy().ravel()} & {*every["item_id"][:4].str.encode("utf-8")}
    assert set(made.whole.item_ids.numpy()) == {*every["item_id"].str.encode("utf-8")}
