import numpy as np
import pytest
import tensorflow as tf

from tests.references.skip_gram import negative_sampling
from tfrec_recall.losses import SkipGramNegativeSampling
from tfrec_recall.losses.skip_gram import skip_gram_gradients

GENERATOR = np.random.default_rng(0)
CENTRE = GENERATOR.normal(size=(2, 3, 4)).astype("float32")  # [lanes, centres, dim]
CONTEXT = GENERATOR.normal(size=(2, 5, 4)).astype("float32")
POSITIVE = GENERATOR.integers(0, 3, size=(2, 3, 5)).astype("float32")
NEGATIVE = GENERATOR.uniform(0, 2, size=(2, 3, 5)).astype("float32")


def references():
    return [
        negative_sampling(*(part.astype("float64") for part in lane))
        for lane in zip(CENTRE, CONTEXT, POSITIVE, NEGATIVE, strict=True)
    ]


def test_equals_the_sum_over_pairs():
    loss = SkipGramNegativeSampling()((CENTRE, CONTEXT), positive=POSITIVE, negative=NEGATIVE)
    assert float(loss) == pytest.approx(sum(found[0] for found in references()), rel=1e-5)


def test_the_mean_is_over_the_positives():
    both = {"positive": POSITIVE, "negative": NEGATIVE}
    total = SkipGramNegativeSampling()((CENTRE, CONTEXT), **both)
    mean = SkipGramNegativeSampling(reduction="mean")((CENTRE, CONTEXT), **both)
    assert float(mean) == pytest.approx(float(total) / POSITIVE.sum(), rel=1e-6)


def test_closed_form_gradients_equal_the_reference():
    by_centre, by_context, scores = skip_gram_gradients(CENTRE, CONTEXT, POSITIVE, NEGATIVE)
    for lane, (_, centre, context) in enumerate(references()):
        np.testing.assert_allclose(by_centre[lane], centre, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(by_context[lane], context, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(scores[lane], CENTRE[lane] @ CONTEXT[lane].T, rtol=1e-5)


def test_closed_form_gradients_equal_the_tapes():
    centre, context = tf.constant(CENTRE), tf.constant(CONTEXT)
    with tf.GradientTape() as tape:
        tape.watch([centre, context])
        loss = SkipGramNegativeSampling()((centre, context), positive=POSITIVE, negative=NEGATIVE)
    taped = tape.gradient(loss, [centre, context])
    closed = skip_gram_gradients(centre, context, POSITIVE, NEGATIVE)
    np.testing.assert_allclose(closed[0], taped[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(closed[1], taped[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("score", [-200.0, 200.0])
def test_far_scores_stay_finite(score):
    centre, context = tf.constant([[score]]), tf.constant([[1.0]])
    with tf.GradientTape() as tape:
        tape.watch(centre)
        loss = SkipGramNegativeSampling()((centre, context), positive=[[1]], negative=[[1]])
    assert float(loss) == pytest.approx(200.0)
    assert np.isfinite(tape.gradient(loss, centre)).all()


def test_booleans_are_weights():
    loss = SkipGramNegativeSampling()
    flags = POSITIVE > 0
    numbers = loss((CENTRE, CONTEXT), positive=flags.astype("float32"), negative=NEGATIVE)
    assert float(loss((CENTRE, CONTEXT), positive=flags, negative=NEGATIVE)) == float(numbers)


def test_no_positive_is_a_mean_of_zero():
    none = np.zeros_like(POSITIVE)
    loss = SkipGramNegativeSampling(reduction="mean")
    assert float(loss((CENTRE, CONTEXT), positive=none, negative=none)) == 0.0


def test_errors_say_what_came():
    with pytest.raises(ValueError, match=r"'sum' or 'mean'.*Received: 'none'"):
        SkipGramNegativeSampling(reduction="none")
