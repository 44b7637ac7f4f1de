"""Every model's export answers as the model does: loaded by Python, and by a C program without.

The program is one process for all models that a process of the tests runs; it loads no library of
operations.
"""

import inspect

import numpy as np
import pytest

from tests.contract.model_cases import (
    CASES,
    asked,
    exported,
    requests,
    retrieving,
    served,
    the_board,
)
from tests.export.c_program import Running, assert_same, compiled, needs_gcc
from tests.untraced import without_graphs
from tfrec_recall import models
from tfrec_recall.operations.reindex import reindexed
from tfrec_recall.upkeep.next_retriever import retriever_of


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    with Running(compiled(folder), folder) as running:
        yield running


@pytest.mark.parametrize("model_class", CASES)
def test_the_export_equals_the_model(model_class):
    queries = requests(the_board())
    ids, scores = asked(retrieving(model_class), queries, k=7, exclude=queries["history"])
    served_ids, served_scores = asked(served(model_class), queries, k=7, exclude=queries["history"])
    np.testing.assert_array_equal(served_ids, ids)
    np.testing.assert_allclose(served_scores, scores, rtol=1e-5)


class Asked:
    """A model whose retriever is there already; it keeps what it is asked to make."""

    def __init__(self, model_class):
        self.made, self.signature = retrieving(model_class), model_class.retriever

    def retriever(self, items, *arguments, **named):
        found = inspect.signature(self.signature).bind(self, items, *arguments, **named)
        self.asked = found.arguments
        return self.made


@pytest.mark.parametrize("model_class", CASES)
def test_the_next_version_is_made_by_what_the_export_tells(model_class):
    like, model = served(model_class), Asked(model_class)
    assert retriever_of(model, the_board().items, like, the_board()) is model.made
    assert model.asked["k"] == 7
    told = like.report.get("index")
    assert (model.asked["index"] is None) == (told is None)
    if told is not None:
        assert type(model.asked["index"]).__name__.lower() == told["kind"]


@pytest.mark.parametrize("model_class", [models.NeuralCF, models.UserCF])
def test_items_are_taken_out_of_what_knows_them_by_training(model_class):
    """The lists are those of requests that leave them out, as far as there is evidence."""
    whole, items = served(model_class), the_board().items
    gone = items["item_id"].tolist()[:5]
    queries = {name: requests(the_board())[name] for name in whole.inputs}
    own = requests(the_board())["history"]
    with without_graphs():
        wanted = whole.recommend_with_evidence(queries, 7, [[*row, *gone] for row in own])
        found = reindexed(whole, items[5:]).recommend_with_evidence(queries, 7, own)
    evident = np.arange(7) < wanted[2].numpy()[:, np.newaxis]
    assert evident.any()
    for one, other in zip(found[:2], wanted[:2], strict=True):
        np.testing.assert_array_equal(one.numpy()[evident], other.numpy()[evident])
    np.testing.assert_array_equal(found[2], wanted[2])


@needs_gcc
@pytest.mark.parametrize("model_class", CASES)
def test_raw_ids_get_the_lists_of_python_without_python(model_class, program):
    retriever, version = retrieving(model_class), exported(model_class)
    queries = {**requests(the_board()), "objective": [""] * (len(the_board().users) + 1)}
    queries = {name: queries[name] for name in retriever.inputs}
    exclude = requests(the_board())["history"]
    given = program.ask(version, "serving_default", {**queries, "exclude": exclude})
    expected = retriever(queries, k=7, exclude=exclude)
    assert_same(given, dict(zip(("item_id", "score"), expected, strict=True)), version)
    if "similar_items" in retriever.signatures:
        item_id = [*retriever.item_ids[:3], "never seen", ""]
        given = program.ask(
            version, "similar_items", {"item_id": item_id, "exclude": [["item 1"]] * 5}
        )
        expected = retriever.similar_items(item_id, exclude=[["item 1"]] * 5)
        assert_same(given, dict(zip(("item_id", "score"), expected, strict=True)), version)
