import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.references.in_batch_softmax import in_batch_softmax
from tfrec_recall.losses import InBatchSoftmax, fused_cross_entropy

BATCH, INTERESTS, DIM, INLINE, EXTRA = 5, 3, 4, 2, 3  # five queries, seven candidates, three extra
CANDIDATES = BATCH + INLINE
RANDOM = np.random.default_rng(3)
QUERY = RANDOM.normal(size=(BATCH, DIM)).astype("float32")
QUERIES = RANDOM.normal(size=(BATCH, INTERESTS, DIM)).astype("float32")
CANDIDATE = RANDOM.normal(size=(CANDIDATES + EXTRA, DIM)).astype("float32")
IDS = np.array([11, 12, 11, 14, 15, 15, 12, 16, 11, 14])
LOG_PROBABILITY = -RANDOM.uniform(2, 4, size=CANDIDATES + EXTRA).astype("float32")
WEIGHTS = np.array([1.0, 0.5, 2.0, 0.0, 3.0], "float32")
MASK = RANDOM.random((BATCH, CANDIDATES + EXTRA)) < 0.7
PRESENT = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1], [0, 1, 1], [1, 0, 0]], bool)
EXCLUDED = np.array([[12, 0], [16, 15], [0, 0], [14, 11], [99, 12]])


@pytest.fixture(params=[1, 2, BATCH], ids=lambda rows: f"{rows} rows at once")
def rows(request, monkeypatch):
    cells = request.param * INTERESTS * (CANDIDATES + EXTRA)
    monkeypatch.setattr(fused_cross_entropy, "LOGITS_AT_ONCE", cells)


def case(interests=False, hits=False, hard=None, extra=False, excluded=False, masked=False):
    """Arguments of the layer, of its call, and of the reference, for one combination of options."""
    count = CANDIDATES + (EXTRA if extra else 0)
    layer = {"remove_accidental_hits": hits, "num_hard_negatives": hard}
    layer |= {"temperature": 0.7, "learn_temperature": True}
    call = {"candidate_ids": IDS[:CANDIDATES], "sample_weight": WEIGHTS}
    call |= {"extra_candidate_ids": IDS[CANDIDATES:]} if extra else {}
    call |= {"interest_mask": PRESENT} if interests else {}
    call |= {"excluded_ids": EXCLUDED} if excluded else {}
    call |= {"score_mask": MASK[:, :count]} if masked else {}
    reference = {
        "query": QUERIES if interests else QUERY,
        "candidates": CANDIDATE[:count],
        "temperature": 0.7,
        "log_probability": LOG_PROBABILITY[:count],
        "weights": WEIGHTS,
        "interest_mask": PRESENT if interests else None,
        "hard_negatives": hard,
        "negatives": lambda i, j: (
            not (
                (hits and IDS[i] == IDS[j])
                or (excluded and IDS[j] in EXCLUDED[i])
                or (masked and not MASK[i, j])
            )
        ),
    }
    return layer, call, reference


def value_and_gradients(layer, query, candidates, log_probability, call, training=True):
    """Of the loss, for all that it depends on; candidates past the batch's come as extra ones."""
    query, candidates = tf.constant(query), tf.constant(candidates)
    log_probability = tf.constant(log_probability)
    weights = tf.constant(call["sample_weight"])
    with tf.GradientTape() as tape:
        tape.watch([query, candidates, log_probability, weights])
        extra = {}
        if len(candidates) > CANDIDATES:
            extra["extra_candidates"] = candidates[CANDIDATES:]
            extra["extra_log_probability"] = log_probability[CANDIDATES:]
        loss = layer(
            query,
            candidates[:CANDIDATES],
            log_probability=log_probability[:CANDIDATES],
            **{**call, **extra, "sample_weight": weights},
            training=training,
        )
    sources = [query, candidates, log_probability, weights, *layer.trainable_variables]
    return loss, tape.gradient(loss, sources)


def check(layer, call, reference, training=True):
    expected = in_batch_softmax(**reference)
    loss, gradients = value_and_gradients(
        InBatchSoftmax(**layer),
        reference["query"],
        reference["candidates"],
        reference["log_probability"],
        call,
        training,
    )
    np.testing.assert_allclose(loss, expected.loss, rtol=1e-5)
    parts = ["query", "candidates", "log_probability", "weights", "log_temperature"]
    for name, gradient in zip(parts, gradients, strict=True):
        np.testing.assert_allclose(
            gradient, getattr(expected, name), rtol=1e-5, atol=1e-5, err_msg=name
        )


COMBINATIONS = [
    dict(zip(["interests", "hits", "hard", "extra", "excluded", "masked"], values, strict=True))
    for values in itertools.product([False, True], [False, True], [None, 2], *[[False, True]] * 3)
]


@pytest.mark.parametrize("whole", [False, True], ids=["a few rows at a time", "whole"])
@pytest.mark.parametrize(
    "options", COMBINATIONS, ids=lambda o: " ".join(n for n in o if o[n]) or "none"
)
def test_equals_the_loops_of_the_equations(options, whole, monkeypatch):
    monkeypatch.setattr(fused_cross_entropy, "LOGITS_AT_ONCE", 2 * INTERESTS * CANDIDATES)
    layer, call, reference = case(**options)
    check({**layer, "whole": whole}, call, reference)


@pytest.mark.parametrize("options", [COMBINATIONS[0], COMBINATIONS[-1]], ids=["none", "all"])
def test_xla_compiles_the_whole(options):
    layer, call, reference = case(**options)
    loss = InBatchSoftmax(**layer, whole=True)

    @tf.function(jit_compile=True)
    def compiled(query, candidates):
        inline = {name: values for name, values in call.items() if not name.startswith("extra")}
        return loss(query, candidates, **inline)

    query, candidates = reference["query"], reference["candidates"][:CANDIDATES]
    if options["masked"]:
        call["score_mask"] = call["score_mask"][:, :CANDIDATES]
    fused = InBatchSoftmax(**layer)
    inline = {name: values for name, values in call.items() if not name.startswith("extra")}
    np.testing.assert_allclose(
        compiled(query, candidates), fused(query, candidates, **inline), rtol=1e-5
    )


def test_a_mask_may_be_asked_for_by_rows(rows):
    layer, call, reference = case(masked=True)
    asked = []

    def of_rows(start, stop):
        asked.append((start, stop))
        return tf.constant(MASK)[start:stop, :CANDIDATES]

    check(layer, {**call, "score_mask": of_rows}, reference)
    assert asked


@pytest.mark.parametrize("shape", [(CANDIDATES,), (1, CANDIDATES + 1)])
def test_rows_of_a_mask_are_not_broadcast(shape):
    with pytest.raises(ValueError, match="score_mask"):
        InBatchSoftmax()(
            QUERY, CANDIDATE[:CANDIDATES], score_mask=lambda start, stop: np.ones(shape)
        )


@pytest.mark.parametrize("options", [COMBINATIONS[0], COMBINATIONS[-1]], ids=["none", "all"])
@pytest.mark.parametrize("training", [True, False])
def test_chunks_do_not_matter(options, training, rows):
    check(*case(**options), training=training)


def test_the_gradients_of_the_reference_are_those_of_its_value():
    arguments = case(interests=True, hits=True, extra=True)[2]
    closed = in_batch_softmax(**arguments)
    for name in ("query", "candidates", "log_probability", "weights"):
        values = np.asarray(arguments[name], np.float64)
        cell = tuple(length // 2 for length in values.shape)
        step = np.zeros_like(values)
        step[cell] = 1e-6
        above = in_batch_softmax(**{**arguments, name: values + step}).loss
        below = in_batch_softmax(**{**arguments, name: values - step}).loss
        difference = (above - below) / 2e-6
        np.testing.assert_allclose(getattr(closed, name)[cell], difference, rtol=1e-5, atol=1e-8)


def test_one_trace_serves_every_batch_size(monkeypatch):
    monkeypatch.setattr(fused_cross_entropy, "LOGITS_AT_ONCE", 2 * CANDIDATES)
    loss = InBatchSoftmax(num_hard_negatives=3, remove_accidental_hits=True)
    vectors, ids = tf.TensorSpec([None, DIM]), tf.TensorSpec([None], tf.int64)

    @tf.function(input_signature=[vectors, vectors, ids])
    def gradient(query, candidates, ids):
        value = loss(query, candidates, candidate_ids=ids)
        return value, *tf.gradients(value, [query, candidates])

    for size in (1, 4, BATCH):
        expected = in_batch_softmax(
            QUERY[:size],
            CANDIDATE[:size],
            hard_negatives=3,
            negatives=lambda i, j: IDS[i] != IDS[j],
        )
        value, d_query, d_candidates = gradient(QUERY[:size], CANDIDATE[:size], IDS[:size])
        np.testing.assert_allclose(value, expected.loss, atol=1e-6)
        np.testing.assert_allclose(d_query, expected.query, atol=1e-5)
        np.testing.assert_allclose(d_candidates, expected.candidates, atol=1e-5)


@pytest.mark.parametrize("interests", [False, True])
def test_at_most_a_bounded_number_of_logits_exists_at_once(interests, monkeypatch):
    seen, limit = [], 4 * INTERESTS * BATCH
    original = fused_cross_entropy._logits

    def spy(query, candidates, mask):
        seen.append(int(tf.size(query)) // DIM * len(candidates))
        return original(query, candidates, mask)

    monkeypatch.setattr(fused_cross_entropy, "LOGITS_AT_ONCE", limit)
    monkeypatch.setattr(fused_cross_entropy, "_logits", spy)
    query = QUERIES if interests else QUERY
    InBatchSoftmax()(tf.constant(query), tf.constant(CANDIDATE[:BATCH]))
    cells = BATCH * BATCH * (INTERESTS if interests else 1)
    assert sum(seen) == cells
    assert max(seen) <= limit


def test_without_training_no_gradients_are_computed_until_asked_for(monkeypatch):
    calls, original = [], fused_cross_entropy._gradients
    monkeypatch.setattr(
        fused_cross_entropy, "_gradients", lambda *a: calls.append(1) or original(*a)
    )
    query = tf.constant(QUERY)
    with tf.GradientTape() as tape:
        tape.watch(query)
        loss = InBatchSoftmax()(query, tf.constant(CANDIDATE), training=False)
    assert not calls
    expected = in_batch_softmax(QUERY, CANDIDATE).query
    np.testing.assert_allclose(tape.gradient(loss, query), expected, atol=1e-5)
    assert calls


def test_equals_retrieval_of_tfrs_argument_for_argument():
    try:
        from tensorflow_recommenders.tasks import Retrieval
    except ImportError:
        pytest.skip("TensorFlow Recommenders needs Keras 2")
    probability = np.exp(LOG_PROBABILITY[:CANDIDATES])  # above the floor of tfrs
    candidates = tf.constant(CANDIDATE[:CANDIDATES])
    constructor = {"temperature": 0.3, "remove_accidental_hits": True, "name": "softmax"}
    results = []
    for task in (Retrieval, InBatchSoftmax):
        for hard in (None, 2):
            query = tf.Variable(QUERY)
            with tf.GradientTape() as tape:
                loss = task(num_hard_negatives=hard, **constructor)(
                    query, candidates, WEIGHTS, probability, tf.constant(IDS[:CANDIDATES])
                )
            results.append((loss, tape.gradient(loss, query)))
    for theirs, ours in zip(results[:2], results[2:], strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-5)


def test_the_temperature_divides_scores_and_not_the_correction():
    query, candidates = tf.constant([[0.1], [0.2]]), tf.constant([[1.0], [2.0]])
    loss = InBatchSoftmax(temperature=0.02)(query, candidates, log_probability=[-1.0, -4.0])
    logits = np.array([[5.0 + 1, 10.0 + 4], [10.0 + 1, 20.0 + 4]])  # s / T - log p
    expected = np.log(np.exp(logits).sum(1)) - logits.diagonal()
    np.testing.assert_allclose(loss, expected.sum(), rtol=1e-6)


def test_small_probabilities_have_no_floor():
    query, candidates = tf.zeros([2, 1]), tf.zeros([2, 1])
    loss = InBatchSoftmax()
    for ratio in (10.0, 100.0):
        probability = [1e-12, 1e-12 * ratio]
        value = loss(query, candidates, candidate_sampling_probability=probability)
        odds = np.log1p(1 / ratio) + np.log1p(ratio)
        np.testing.assert_allclose(value, odds, rtol=1e-5)
    assert np.isfinite(loss(query, candidates, candidate_sampling_probability=[0.0, 1e-12]))


def test_an_accidental_hit_has_probability_zero():
    candidates, query = tf.Variable(CANDIDATE[:3]), tf.constant(100 * CANDIDATE[2:3])
    loss = InBatchSoftmax(remove_accidental_hits=True, num_hard_negatives=1)
    with tf.GradientTape() as tape:  # the copy in row 2 would be the hardest negative by far
        value = loss(query, candidates, candidate_ids=["a", "b", "a"])
    gradient = tf.convert_to_tensor(tape.gradient(value, candidates)).numpy()
    assert not gradient[2].any()
    assert gradient[1].any()


def test_ties_are_cut_to_the_number_of_hard_negatives():
    loss = InBatchSoftmax(num_hard_negatives=2)
    value = loss(tf.zeros([1, 2]), tf.zeros([6, 2]))
    np.testing.assert_allclose(value, np.log(3), rtol=1e-6)


@pytest.mark.parametrize("ids", [[7], [7, 7, 7]], ids=["a batch of one", "copies of one item"])
@pytest.mark.parametrize("hard", [None, 2])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_nothing_to_learn_gives_zero_and_finite_gradients(ids, hard, scale):
    query, candidates = tf.Variable(QUERY[: len(ids)] * scale), tf.Variable(CANDIDATE[: len(ids)])
    loss = InBatchSoftmax(0.01, hard, remove_accidental_hits=True, learn_temperature=True)
    with tf.GradientTape() as tape:
        value = loss(query, candidates, candidate_ids=ids)
    assert float(value) == 0
    for gradient in tape.gradient(value, [query, candidates, loss.log_temperature]):
        assert not tf.convert_to_tensor(gradient).numpy().any()


def test_copies_that_are_kept_and_great_scores_stay_finite():
    query, candidates = tf.Variable(QUERY[:3] * 1e4), tf.Variable(CANDIDATE[[0, 0, 0]])
    with tf.GradientTape() as tape:
        value = InBatchSoftmax(0.01)(query, candidates)
    np.testing.assert_allclose(value, 3 * np.log(3), rtol=1e-6)
    for gradient in tape.gradient(value, [query, candidates]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_zero_weights_give_zero():
    query = tf.Variable(QUERY)
    for reduction in ("sum", "mean"):
        with tf.GradientTape() as tape:
            value = InBatchSoftmax(reduction=reduction)(query, CANDIDATE, tf.zeros([BATCH, 1]))
        assert float(value) == 0
        assert not tf.convert_to_tensor(tape.gradient(value, query)).numpy().any()


def test_the_mean_divides_by_the_size_of_the_batch():
    total = InBatchSoftmax()(QUERY, CANDIDATE, WEIGHTS)
    mean = InBatchSoftmax(reduction="mean")(QUERY, CANDIDATE, WEIGHTS)
    np.testing.assert_allclose(mean, total / BATCH, rtol=1e-6)


def test_ids_may_be_strings_and_of_mixed_integer_types():
    text = np.array([f"item {number}" for number in IDS])
    values = []
    for ids, extra, excluded in (
        (IDS, IDS.astype("int32"), EXCLUDED.astype("int32")),
        (tf.constant(text), tf.constant(text), tf.strings.join(["item ", EXCLUDED.astype("str")])),
    ):
        loss = InBatchSoftmax(remove_accidental_hits=True)(
            QUERY,
            CANDIDATE[:CANDIDATES],
            candidate_ids=ids[:CANDIDATES],
            extra_candidates=CANDIDATE[CANDIDATES:],
            extra_candidate_ids=extra[CANDIDATES:],
            excluded_ids=excluded,
        )
        values.append(float(loss))
    assert values[0] == values[1]


def test_a_full_softmax_is_one_with_all_items_as_extra_candidates():
    items = np.concatenate([CANDIDATE[:BATCH], CANDIDATE[CANDIDATES:]])
    ids = np.arange(len(items))
    loss = InBatchSoftmax(remove_accidental_hits=True)(
        QUERY,
        items[:BATCH],
        candidate_ids=ids[:BATCH],
        extra_candidates=items,
        extra_candidate_ids=ids,
        score_mask=np.broadcast_to(np.arange(BATCH + len(items)) >= BATCH, (BATCH, 13)),
    )
    logits = QUERY @ items.T
    expected = np.log(np.exp(logits).sum(1)) - logits[:, :BATCH].diagonal()
    np.testing.assert_allclose(loss, expected.sum(), rtol=1e-5)


def test_absent_interests_are_inert():
    padded = np.concatenate([QUERIES, np.full((BATCH, 1, DIM), np.nan, "float32")], axis=1)
    mask = np.pad(PRESENT, [(0, 0), (0, 1)])
    expected = in_batch_softmax(QUERIES, CANDIDATE, interest_mask=PRESENT)
    query, candidates = tf.Variable(padded), tf.Variable(CANDIDATE)
    with tf.GradientTape() as tape:
        loss = InBatchSoftmax()(query, candidates, interest_mask=mask)
    d_query, d_candidates = tape.gradient(loss, [query, candidates])
    np.testing.assert_allclose(loss, expected.loss, rtol=1e-5)
    np.testing.assert_allclose(d_query[:, :INTERESTS], expected.query, atol=1e-5)
    assert not d_query[:, INTERESTS].numpy().any()
    np.testing.assert_allclose(d_candidates, expected.candidates, atol=1e-5)


def test_a_query_without_interests_is_finite_and_learns_nothing():
    query = tf.Variable(QUERIES[:2])
    with tf.GradientTape() as tape:
        mask = [[False] * INTERESTS, [True] * INTERESTS]
        loss = InBatchSoftmax()(query, CANDIDATE[:2], interest_mask=mask)
    gradient = tf.convert_to_tensor(tape.gradient(loss, query)).numpy()
    assert np.isfinite(loss)
    assert not gradient[0].any()
    assert np.isfinite(gradient).all()
    assert gradient[1].any()


def test_equal_interests_share_the_gradient_as_in_a_maximum():
    query = tf.Variable(np.repeat(QUERY[:, np.newaxis], 2, axis=1))
    with tf.GradientTape(persistent=True) as tape:
        scores = tf.reduce_max(tf.einsum("bid,cd->bic", query, CANDIDATE[:BATCH]), axis=1)
        plain = tf.reduce_sum(
            tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(BATCH), scores)
        )
        loss = InBatchSoftmax()(query, CANDIDATE[:BATCH])
    np.testing.assert_allclose(loss, plain, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, query), tape.gradient(plain, query), atol=1e-5)


def test_half_precision_inputs_meet_a_softmax_in_full_precision():
    query, candidates = tf.constant(QUERY, tf.float16), tf.constant(CANDIDATE, tf.float16)
    expected = in_batch_softmax(
        query.numpy(), candidates.numpy(), temperature=0.05, log_probability=LOG_PROBABILITY
    )
    loss = InBatchSoftmax(0.05, dtype="mixed_float16")
    with tf.GradientTape() as tape:
        tape.watch(query)
        value = loss(query, candidates, log_probability=LOG_PROBABILITY)
    gradient = tape.gradient(value, query)
    assert (value.dtype, gradient.dtype) == (tf.float32, tf.float16)
    np.testing.assert_allclose(value, expected.loss, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected.query, rtol=2e-3, atol=2e-3)


def test_a_half_precision_policy_does_not_round_what_comes_in():
    call = {"sample_weight": WEIGHTS + 0.1, "log_probability": LOG_PROBABILITY}
    exact = InBatchSoftmax(0.05)(tf.constant(QUERY), tf.constant(CANDIDATE), **call)
    half = InBatchSoftmax(0.05, dtype="mixed_float16")
    value = half(tf.constant(QUERY), tf.constant(CANDIDATE), **call)
    np.testing.assert_array_equal(value, exact)


def test_a_learned_temperature_starts_where_it_is_told_and_is_learned_as_a_logarithm():
    loss = InBatchSoftmax(temperature=0.2, learn_temperature=True)
    for expected in (0.2, 3.0):
        fixed = InBatchSoftmax(temperature=expected)
        np.testing.assert_allclose(loss(QUERY, CANDIDATE), fixed(QUERY, CANDIDATE), rtol=1e-5)
        loss.log_temperature.assign(np.log(3.0))


class Recommender(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.users = tf.keras.layers.Embedding(40, DIM)
        self.items = tf.keras.layers.Embedding(30, DIM)
        self.softmax = InBatchSoftmax(0.5, remove_accidental_hits=True, learn_temperature=True)

    def call(self, inputs):
        return self.users(inputs["user"]), self.items(inputs["item"])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.softmax(*y_pred, sample_weight, candidate_ids=x["item"], training=training)


def test_a_model_compiled_as_usual_learns():
    tf.keras.utils.set_random_seed(0)
    users = np.arange(400) % 40
    every = {"user": tf.constant(users), "item": tf.constant(users % 30)}
    model = Recommender()
    model.compile(tf.keras.optimizers.Adam(0.1))
    before = model.compute_loss(every, y_pred=model(every), training=False)
    model.fit(tf.data.Dataset.from_tensor_slices(every).batch(50), epochs=4, verbose=0)
    after = model.compute_loss(every, y_pred=model(every), training=False)
    assert after < 0.7 * before
    assert not np.allclose(model.softmax.log_temperature, np.log(0.5))
    assert not model.softmax.supports_jit  # or Keras 3 would have XLA compile it on a GPU


ONE = np.ones((2, 1), "float32")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0.0}, r"a number above 0, or None\. Received: temperature=0\.0"),
        ({"num_hard_negatives": 0}, r"from 1 up, or None\. Received: num_hard_negatives"),
        ({"reduction": "none"}, '"sum" or "mean".*Received: reduction=\'none\''),
    ],
)
def test_an_impossible_setting_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        InBatchSoftmax(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"excluded_ids": [[1], [1]]}, "takes `candidate_ids`.*Received: candidate_ids=None"),
        (
            {"extra_candidates": ONE, "log_probability": [0.0, 0.0]},
            "`extra_log_probability` together.*Received: extra_log_probability=None",
        ),
        ({"extra_candidate_ids": [7]}, "`extra_candidate_ids` beside `extra_candidates`"),
        ({"extra_log_probability": [0.0]}, "`extra_log_probability` beside `extra_candidates`"),
        ({"query_embeddings": ONE[0]}, r"takes queries \[batch, dim\].*Received: shapes \(1,\)"),
        ({"interest_mask": ONE > 0}, r"`interest_mask` with queries.*Received: .*\(2, 1\)"),
        ({"query_embeddings": np.ones((3, 1), "float32")}, "Received: 3 queries, 2 candidates"),
        (
            {"log_probability": ONE, "candidate_sampling_probability": ONE},
            "or `log_probability`, not both",
        ),
    ],
)
def test_an_argument_that_lacks_another_is_refused(arguments, message):
    arguments = {"query_embeddings": ONE, "candidate_embeddings": ONE, **arguments}
    with pytest.raises(ValueError, match=message):
        InBatchSoftmax()(**arguments)


def test_accidental_hits_need_ids():
    with pytest.raises(ValueError, match="takes `candidate_ids`"):
        InBatchSoftmax(remove_accidental_hits=True)(ONE, ONE)
