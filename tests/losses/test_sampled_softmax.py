import numpy as np
import pytest
import tensorflow as tf

from tests.references.sampled_softmax import sampled_softmax
from tfrec_recall.losses import SampledSoftmax

RNG = np.random.default_rng(1)
QUERY = RNG.normal(size=(4, 3)).astype("float32")
POSITIVE = RNG.normal(size=(4, 3)).astype("float32")
NEGATIVES = RNG.normal(size=(6, 3)).astype("float32")
VECTORS = (QUERY, POSITIVE, NEGATIVES)
POSITIVE_IDS, NEGATIVE_IDS = np.array([2, 3, 4, 5]), np.array([7, 3, 8, 3, 2, 9])
LOG = {
    "positive_log_probability": np.log([0.1, 0.2, 0.3, 1e-9]).astype("float32"),
    "negative_log_probability": np.log([0.3, 0.2, 0.1, 0.2, 0.1, 1e-9]).astype("float32"),
}
IDS = {"positive_ids": POSITIVE_IDS, "negative_ids": NEGATIVE_IDS}


@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_equals_the_loop_over_queries(temperature):
    expected = sampled_softmax(*VECTORS, temperature, **IDS, **LOG)
    layer = SampledSoftmax(temperature, reduction="sum")
    assert float(layer(VECTORS, **IDS, **LOG)) == pytest.approx(expected.sum(), rel=1e-5)
    layer = SampledSoftmax(temperature)
    assert float(layer(VECTORS, **IDS, **LOG)) == pytest.approx(expected.mean(), rel=1e-5)
    weight = np.array([1.0, 0.0, 2.0, 0.5])
    result = layer(VECTORS, **IDS, **LOG, sample_weight=weight)
    assert float(result) == pytest.approx((expected * weight).mean(), rel=1e-5)


def test_temperature_divides_before_the_correction():
    """s / T - log p; (s - log p) / T is another number by far at T = 0.02."""
    layer = SampledSoftmax(0.02, remove_accidental_hits=False)
    vectors, log = (QUERY / 10, POSITIVE, NEGATIVES), {k: v / 5 for k, v in LOG.items()}
    expected = sampled_softmax(*vectors, 0.02, **log).mean()
    wrong = sampled_softmax(*vectors, 0.02, **{k: v / 0.02 for k, v in log.items()}).mean()
    assert float(layer(vectors, **log)) == pytest.approx(expected, rel=1e-4)
    assert abs(wrong - expected) > 1


def test_an_accidental_hit_has_no_share_and_no_gradient():
    vectors = [tf.constant(part) for part in (QUERY[:1], POSITIVE[:1], POSITIVE[:1] * 5)]
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        loss = SampledSoftmax()(
            vectors, positive_ids=tf.constant(["a"]), negative_ids=tf.constant(["a"])
        )
    assert float(loss) == 0.0
    assert not np.any(tape.gradient(loss, vectors)[2])


def test_other_positives_of_the_user_are_no_negatives():
    excluded = np.array([[7, 8], [9, 0], [0, 0], [8, 9]])
    expected = sampled_softmax(*VECTORS, **IDS, excluded_ids=excluded).mean()
    result = SampledSoftmax()(VECTORS, **IDS, excluded_ids=excluded)
    assert float(result) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["int32", "int64", "str"])
@pytest.mark.parametrize("jit", [False, True])
def test_what_is_excluded_is_found_in_the_memory_of_the_scores(kind, jit):
    """Never [batch, excluded, samples], which is gigabytes where users have long histories."""
    if kind == "str" and jit:
        pytest.skip("XLA has no text")
    excluded = np.array([[7, 8, 1, 1, 9], [9, 1, 2, 7, 1], [1] * 5, [8, 9, 2, 99, 99]])
    expected = sampled_softmax(*VECTORS, **IDS, excluded_ids=excluded).mean()
    ids = {"positive_ids": POSITIVE_IDS, "negative_ids": NEGATIVE_IDS, "excluded_ids": excluded}
    layer = SampledSoftmax()
    call = tf.function(
        lambda ids: layer(tuple(map(tf.constant, VECTORS)), **ids), jit_compile=jit, autograph=False
    )
    ids = {name: tf.constant(values.astype(kind)) for name, values in ids.items()}
    assert float(call(ids)) == pytest.approx(expected, rel=1e-5)
    made = call.get_concrete_function(ids).graph.get_operations()
    sizes = [each.shape.num_elements() or 0 for one in made for each in one.outputs]
    assert max(sizes) < excluded.size * len(NEGATIVES)


def test_no_negatives_but_excluded_ids_lose_nothing():
    loss = SampledSoftmax()(
        (QUERY, POSITIVE, NEGATIVES[:0]),
        positive_ids=POSITIVE_IDS,
        negative_ids=NEGATIVE_IDS[:0],
        excluded_ids=np.array([[7], [0], [1], [2]]),
    )
    assert float(loss) == 0


def test_negatives_of_one_query_alone():
    own = {
        "own_negatives": RNG.normal(size=(4, 2, 3)).astype("float32"),
        "own_negative_ids": np.array([[2, 6], [8, 8], [0, 9], [0, 0]]),  # 2 is query 0's positive
        "own_negative_log_probability": np.log(RNG.uniform(0.1, 0.4, (4, 2))).astype("float32"),
    }
    expected = sampled_softmax(*VECTORS, 0.5, **IDS, **LOG, **own).mean()
    assert float(SampledSoftmax(0.5)(VECTORS, **IDS, **LOG, **own)) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_other_positives_are_no_negatives_of_the_own_ones_either(kind):
    own = {
        "own_negatives": RNG.normal(size=(4, 2, 3)).astype("float32"),
        "own_negative_ids": np.array([[6, 9], [6, 8], [0, 9], [7, 5]], kind),
    }
    excluded = np.array([[6, 1], [8, 1], [1, 1], [9, 7]])
    expected = sampled_softmax(*VECTORS, **IDS, **own, excluded_ids=excluded)
    result = SampledSoftmax()(VECTORS, **IDS, **own, excluded_ids=excluded)
    assert float(result) == pytest.approx(expected.mean(), rel=1e-5)


def test_all_items_drawn_evenly_estimate_the_full_softmax():
    """With the sampler's own probability, the sum over draws estimates the sum over all items."""
    items = RNG.normal(size=(50, 3)).astype("float32")
    target = np.array([1, 4, 9, 16])
    logits = QUERY @ items.T
    full = np.log(np.exp(logits).sum(1)) - logits[np.arange(4), target]
    probability = np.arange(1, 51) / np.arange(1, 51).sum()
    drawn = RNG.choice(50, size=200_000, p=probability)
    # The sum of exp(s) / p over n draws is n times that over all; the positive stands in it once.
    result = SampledSoftmax()(
        (QUERY, items[target], items[drawn]),
        positive_ids=target,
        negative_ids=drawn,
        positive_log_probability=np.zeros(4),
        negative_log_probability=np.log(probability[drawn] * len(drawn)),
    )
    assert float(result) == pytest.approx(full.mean(), abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs positive_ids and negative_ids"),
        ({**IDS, "positive_log_probability": np.zeros(4)}, "both"),
        ({**IDS, "own_negative_ids": np.ones((4, 2), int)}, "`own_negative_ids` beside `own_neg"),
        ({**IDS, "own_negatives": np.ones((4, 2, 3))}, "needs own_negative_ids"),
        (
            {
                **IDS,
                "own_negatives": np.ones((4, 2, 3)),
                "own_negative_ids": np.ones((4, 2), int),
                "own_negative_log_probability": np.zeros((4, 2)),
            },
            "positive_log_probability beside own_negative_log_probability",
        ),
    ],
)
def test_what_belongs_together_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SampledSoftmax()(VECTORS, **arguments)


@pytest.mark.parametrize("shape", [(4,), (6,), (4, 1), (1, 6), (1, 1)])
def test_a_mask_of_scores_is_not_broadcast(shape):
    with pytest.raises(ValueError, match=r"`score_mask` \[batch, samples\]"):
        SampledSoftmax()(VECTORS, **IDS, score_mask=np.ones(shape, bool))


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"takes a tuple of query.*Received: shapes"):
        SampledSoftmax()((QUERY, POSITIVE))
    with pytest.raises(ValueError, match="temperature as a number above 0"):
        SampledSoftmax(temperature=0.0)
