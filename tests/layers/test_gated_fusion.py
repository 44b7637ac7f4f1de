import numpy as np
import pytest

from tests.references.sdm import gated_fusion
from tfrec_recall.layers import GatedFusion

RANDOM = np.random.default_rng(4)
PROFILE = RANDOM.normal(size=(5, 2)).astype("float32")
SHORT, LONG = RANDOM.normal(size=(2, 5, 3)).astype("float32")


def test_equals_the_papers_equation():
    layer = GatedFusion()
    layer((PROFILE, SHORT, LONG))
    weights = [RANDOM.normal(size=weight.shape) for weight in layer.weights]
    layer.set_weights(weights)
    rows = zip(PROFILE, SHORT, LONG, strict=True)
    expected = [gated_fusion(*row, *weights) for row in rows]
    result = layer((PROFILE, SHORT, LONG))
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("bias", "expected"), [(100.0, SHORT), (-100.0, LONG)])
def test_an_open_gate_gives_the_short_term_and_a_closed_one_the_long(bias, expected):
    result = GatedFusion(gate_bias=bias)((PROFILE, SHORT, LONG))
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_the_error_says_what_came():
    with pytest.raises(ValueError, match=r"GatedFusion takes .*Received: .*\(5, 2\)"):
        GatedFusion()((PROFILE, SHORT, LONG[:, :2]))
