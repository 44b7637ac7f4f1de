"""What is served of models of items: vectors of new ones, in the export too."""

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import (
    CASES,
    GRADIENT_MODELS,
    asked,
    beginning,
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


WITH_VECTORS = [c for c in GRADIENT_MODELS if c is not models.NeuralCF]


@pytest.mark.parametrize("model_class", WITH_VECTORS)
def test_items_of_which_nothing_is_known_come_after_all_others(model_class):
    """A cosine of 0 would be above those of items that the user likes less."""
    model, items = begun(model_class), the_board().items
    new = pd.DataFrame({"item_id": [f"new {n}" for n in range(9)], "tags": [[]] * 9})
    assert not np.asarray(model.embed_items(new)).any()
    warm = np.asarray(model.embed_items(items)).any(axis=1)
    retriever = model.retriever(pd.concat([new, items[warm]]), k=int(warm.sum()))
    ids, _ = asked(retriever, requests(the_board()), k=int(warm.sum()))
    assert warm.any()
    assert not np.char.startswith(ids, "new").any()


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_items_of_a_history_that_training_never_saw_say_nothing(model_class):
    queries = {name: values[:2] * 2 for name, values in requests(the_board()).items()}
    short = [history[:4] for history in queries["history"]]
    queries["history"] = [
        [*history, "", ""] if row < 2 else [history[0], "never", *history[1:], "nor this"]
        for row, history in enumerate(short)
    ]
    ids, scores = asked(beginning(model_class), queries, k=7)
    np.testing.assert_array_equal(ids[2:], ids[:2])
    np.testing.assert_allclose(scores[2:], scores[:2], rtol=1e-5, atol=1e-6)


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
