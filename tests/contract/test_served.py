"""Every model's export answers as the model does: loaded by Python, and by a C program without.

The program is one process for all models that a process of the tests runs; it loads no library of
operations.
"""

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
