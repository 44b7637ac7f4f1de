"""What models of a graph's nodes refuse, and what they make of new ones."""

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import CASES, built, its_features, the_board
from tfrec_recall.models import GraphSAGE, PinSAGE
from tfrec_recall.models.graphs import node_model
from tfrec_recall.models.graphs.graph_sage import AGGREGATORS


@pytest.mark.parametrize("model_class", [GraphSAGE, PinSAGE])
def test_parameter_servers_are_refused_before_anything_is_made(model_class, monkeypatch):
    monkeypatch.setattr(node_model, "is_far", lambda: True)
    with pytest.raises(ValueError, match=rf"{model_class.__name__} holds a graph .*take TwoTower"):
        model_class(its_features(), **CASES[model_class])


@pytest.mark.parametrize("aggregator", [*AGGREGATORS, None])
def test_a_new_item_is_an_unknown_one_which_has_no_neighbours(aggregator):
    of_kind = {} if aggregator is None else {"aggregator": aggregator}
    model = built(GraphSAGE if of_kind else PinSAGE, **of_kind)
    model.training_data(the_board())  # gives it the graph
    item = model.nodes.table(tf.range(2, 9))
    unknown = {**item, "item_id": tf.ones_like(item["item_id"])}
    found = model.nodes.of_new(item)
    np.testing.assert_array_equal(found, model.nodes.of_features(unknown))
    assert found.numpy().any()
