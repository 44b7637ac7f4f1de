"""What is served of models of items: vectors of new ones, in the export too."""

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import (
    CASES,
    asked,
    begun,
    requests,
    retrieving,
    served,
    the_board,
    trained,
)
from tests.contract.test_similar_items import retrievers
from tfrec_recall import models
from tfrec_recall.models.item_embeddings.item_space_model import ItemSpaceModel

OF_ITEMS = [c for c in CASES if issubclass(c, ItemSpaceModel)]


@pytest.mark.parametrize("model_class", [models.BGE, models.Item2Vec])
def test_items_without_a_vector_come_after_all_others(model_class):
    """A cosine of 0 would be above those of items that the user likes less."""
    model, items = begun(model_class), the_board().items
    new = pd.DataFrame({"item_id": [f"new {n}" for n in range(9)], "tags": [[]] * 9})
    warm = np.asarray(model.embed_items(items)).any(axis=1)
    retriever = model.retriever(pd.concat([new, items[warm]]), k=int(warm.sum()))
    ids, _ = asked(retriever, requests(the_board()), k=int(warm.sum()))
    assert warm.any()
    assert not np.char.startswith(ids, "new").any()


@pytest.mark.parametrize("model_class", OF_ITEMS)
def test_an_export_embeds_items_that_are_new_since(model_class):
    model, _ = trained(model_class)
    retriever = retrieving(model_class)
    items = the_board().items
    new = pd.DataFrame({"item_id": ["brand new", "another"], "tags": [["red"], ["blue", "red"]]})
    raw = {"item_id": new["item_id"].tolist(), "tags": new["tags"].tolist()}
    raw = {name: raw[name] for name in retriever.item_inputs}
    vectors = served(model_class).embed_item(raw).numpy()
    np.testing.assert_allclose(vectors, model.embed_items(new), rtol=1e-4, atol=1e-5)
    for one in (retriever, retrievers(model_class)["trigger_retriever"]):
        np.testing.assert_allclose(one.embed_item(raw), vectors, rtol=1e-4, atol=1e-5)
        known = one.embed_item({"item_id": items["item_id"].tolist()[:3]})
        np.testing.assert_allclose(known, model.embed_items(items[:3]), rtol=1e-4, atol=1e-5)
    if model_class in (models.EGES, models.GES, models.GraphSAGE, models.PinSAGE):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-4)
