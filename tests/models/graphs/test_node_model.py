"""What models of a graph's nodes refuse."""

import pytest

from tests.contract.model_cases import CASES, its_features
from tfrec_recall.models import GraphSAGE, PinSAGE
from tfrec_recall.models.graphs import node_model


@pytest.mark.parametrize("model_class", [GraphSAGE, PinSAGE])
def test_parameter_servers_are_refused_before_anything_is_made(model_class, monkeypatch):
    monkeypatch.setattr(node_model, "is_far", lambda: True)
    with pytest.raises(ValueError, match=rf"{model_class.__name__} holds a graph .*take TwoTower"):
        model_class(its_features(), **CASES[model_class])
