"""Items are similar by the model's own vectors, whatever the lists of users are ranked by."""

import functools

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import CASES, retrieving, the_board, trained
from tfrec_recall.models import FunkSVD, Item2Vec
from tfrec_recall.models.item_embeddings.item_space_model import ItemSpaceModel

K = 29  # all but the item itself
ITEM = 4


@functools.cache
def retrievers(model_class):
    """All that a model makes over the board, by what makes them."""
    model, items = trained(model_class)[0], the_board().items
    found = {"retriever": retrieving(model_class)}
    for way in ("trigger_retriever", "fold_in_retriever"):
        if hasattr(model, way):
            found[way] = getattr(model, way)(items)
    return found


def raw_items(retriever):
    items = the_board().items
    return {name: items[name].tolist() for name in retriever.item_inputs}


def similar(retriever, item):
    ids, scores = retriever.similar_items([item], k=K)
    return pd.Series(scores.numpy()[0], index=ids.numpy()[0].astype(str))


@pytest.mark.parametrize("model_class", CASES)
def test_similar_items_are_cosines_of_what_embed_item_gives(model_class):
    model, items = trained(model_class)[0], the_board().items
    ids = items["item_id"]
    for way, retriever in retrievers(model_class).items():
        if not {"similar_items", "embed_item"} <= set(retriever.signatures):
            continue
        vectors = retriever.embed_item(raw_items(retriever)).numpy()
        known = retriever.embed_item({"item_id": ids.tolist()}).numpy()
        for given in (vectors, known):
            np.testing.assert_allclose(
                given, model.embed_items(items), rtol=1e-4, atol=1e-5, err_msg=way
            )
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        units = vectors / lengths
        ranked = vectors if getattr(model, "shrunk", None) else units
        cosines = pd.Series(ranked @ units[ITEM], index=ids)
        found = similar(retriever, ids[ITEM])
        np.testing.assert_allclose(found, cosines[found.index], rtol=1e-4, atol=1e-5, err_msg=way)
        best = cosines.drop(ids[ITEM]).nlargest(K)
        np.testing.assert_allclose(found, best, rtol=1e-4, atol=1e-5, err_msg=way)


@pytest.mark.parametrize("model_class", [c for c in CASES if issubclass(c, ItemSpaceModel)])
def test_lists_of_a_trigger_have_the_scores_of_its_similar_items(model_class):
    """In lists of users alone, times the power of an item's events."""
    model, items = trained(model_class)[0], the_board().items
    item = items["item_id"][ITEM]
    triggers = retrievers(model_class)["trigger_retriever"]
    nearest = similar(retrieving(model_class), item)
    np.testing.assert_allclose(similar(triggers, item), nearest, rtol=1e-4, atol=1e-5)
    lift = pd.Series(model.lift(items) if model.popularity else 1.0, index=items["item_id"])
    ids, scores = (part.numpy()[0] for part in triggers({"history": [[item]]}, k=K))
    ids = ids.astype(str)
    np.testing.assert_allclose(scores, nearest[ids] * lift[ids], rtol=1e-4, atol=1e-5)
    plain = model.trigger_retriever(items, lift=None)({"history": [[item]]}, k=K)[1]
    np.testing.assert_allclose(plain.numpy()[0], nearest, rtol=1e-4, atol=1e-5)


def test_vectors_of_some_have_several_lengths_and_lists_of_some_are_lifted():
    """What the suite would not notice otherwise."""
    lengths = np.linalg.norm(trained(FunkSVD)[0].embed_items(the_board().items), axis=1)
    assert np.ptp(lengths) > 0.1
    assert trained(Item2Vec)[0].popularity
