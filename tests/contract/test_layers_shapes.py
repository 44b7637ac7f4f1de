"""A column for a vector gives the same number or an error that names it; so does every other shape.

Broadcasting would make of weights [batch, 1] and losses [batch] a matrix, silently.
"""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.layer_cases import BATCH, CASES, IDS, LAYERS, PRESENT, make, some, tensors
from tfrec_recall import layers, losses

WEIGHTS = np.array([1.0, 0.0, 5.0, 2.0], "float32")
LOG = np.log(np.array([0.1, 0.2, 0.3, 0.4], "float32"))
SAMPLES = BATCH  # as many as queries: a column broadcasts without an error
OWN = {
    "own_negatives": some(BATCH, 2, 3),
    "own_negative_ids": IDS[[[0, 1], [2, 3], [3, 0], [1, 1]]],
}

# All that has shapes to fit, beside the arguments of the case; vectors come as columns as well.
MORE = {
    losses.InBatchSoftmax: {
        "sample_weight": WEIGHTS,
        "candidate_ids": IDS,
        "log_probability": LOG,
        "extra_candidates": some(SAMPLES, 3) / 2,
        "extra_candidate_ids": IDS[::-1].copy(),
        "extra_log_probability": LOG[::-1].copy(),
        "excluded_ids": IDS[:, np.newaxis] + 1,
        "score_mask": np.tile(PRESENT, 2)[:, : 2 * BATCH],
    },
    losses.SampledSoftmax: {
        "sample_weight": WEIGHTS,
        "positive_ids": IDS,
        "negative_ids": IDS[::-1].copy(),
        "positive_log_probability": LOG,
        "negative_log_probability": LOG[::-1].copy(),
        "excluded_ids": IDS[:, np.newaxis] + 1,
        **OWN,
        "own_negative_log_probability": LOG[:, np.newaxis] + LOG[:2],
    },
}
INPUTS = {losses.SampledSoftmax: (some(BATCH, 3), some(BATCH, 3)[::-1] + 1, some(SAMPLES, 3) / 2)}
LEFT_ALONE = {losses.InBatchSoftmax: {"candidate_embeddings"}}


OF_ONE_REPLICA = {losses.InBatchSoftmax: {"across_replicas": False}}  # where alone masks fit


def arguments_of(cls):
    return {**CASES[cls].arguments, **OF_ONE_REPLICA.get(cls, {})}


def given(cls):
    """What a layer is called with, the first argument by the name None."""
    case = CASES[cls]
    return INPUTS.get(cls, case.inputs), {**case.call, **MORE.get(cls, {})}


def vectors():
    for cls in CASES:
        for name, values in given(cls)[1].items():
            if np.ndim(values) == 1:
                yield pytest.param(cls, name, id=f"{cls.__name__}-{name}")


@pytest.mark.parametrize(("cls", "name"), vectors())
@pytest.mark.parametrize("whole", [False, True])
def test_a_column_is_taken_for_a_vector(cls, name, whole):
    inputs, call = given(cls)
    arguments = arguments_of(cls)
    if "whole" in arguments:
        arguments["whole"] = whole
    if "remove_accidental_hits" in arguments:
        arguments["remove_accidental_hits"] = True
    layer = cls(**arguments)
    flat = layer(tensors(inputs), **tensors(call))
    column = {**call, name: call[name][:, np.newaxis]}
    np.testing.assert_allclose(layer(tensors(inputs), **tensors(column)), flat, rtol=1e-6)
    signature = tf.TensorSpec([None, 1], tf.as_dtype(call[name].dtype))
    traced = tf.function(
        lambda values: layer(tensors(inputs), **{**tensors(call), name: values}),
        input_signature=[signature],
    )
    np.testing.assert_allclose(traced(tf.constant(column[name])), flat, rtol=1e-5)


def others():
    """Each tensor by keyword, as one row for all, and as one number a row where it has two axes."""
    for cls in CASES:
        for name, values in given(cls)[1].items():
            if name in LEFT_ALONE.get(cls, ()):
                continue
            wrong = {"one row": values[:1], "a row more": np.concatenate([values, values[:1]])}
            if np.ndim(values) > 1 and values.shape[1] > 1:
                wrong["a column"] = values[:, :1]
                wrong["one row for all"] = values[0]
            for kind, part in wrong.items():
                if name in ("negatives", "extra_candidates") and kind != "one row for all":
                    continue  # any number of them
                yield pytest.param(cls, name, part, id=f"{cls.__name__}-{name}-{kind}")


@pytest.mark.parametrize(("cls", "name", "wrong"), others())
def test_another_shape_is_refused_by_name_and_with_both_shapes(cls, name, wrong):
    inputs, call = given(cls)
    layer = cls(**arguments_of(cls))
    layer(tensors(inputs), **tensors(call))
    shape = str(np.shape(wrong)).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=rf"(?s){cls.__name__} takes.*`{name}`.*Received.*{shape}"):
        layer(tensors(inputs), **{**tensors(call), name: tf.constant(wrong)})


@pytest.mark.parametrize(
    "cls",
    [cls for cls in CASES if isinstance(given(cls)[0], tuple) and cls is not layers.CosineLogits],
    ids=lambda cls: cls.__name__,
)
def test_inputs_of_another_batch_are_refused(cls):
    inputs, call = given(cls)
    layer = cls(**arguments_of(cls))
    layer(tensors(inputs), **tensors(call))
    for position in range(2):
        if cls is losses.SkipGramNegativeSampling and position == 1:
            continue  # any number of contexts, which `positive` and `negative` follow
        short = [*inputs]
        short[position] = short[position][:1]
        with pytest.raises(ValueError, match=rf"(?s){cls.__name__} takes.*Received: shapes"):
            layer(tuple(tf.constant(part) for part in short), **tensors(call))


def masked_layers():
    for cls in CASES:
        inputs = CASES[cls].inputs
        parts = inputs if isinstance(inputs, tuple) else (inputs,)
        takes_it = "mask" in inspect.signature(cls.call).parameters
        if cls is layers.Tower:
            continue  # only for the statistics of a batch, while training: its own test
        if takes_it and any(part.shape == (*PRESENT.shape, 3) for part in parts):
            yield pytest.param(cls, id=cls.__name__)


@pytest.mark.parametrize("cls", masked_layers())
def test_a_mask_may_stand_alone_or_in_the_place_of_its_input(cls):
    case, layer = CASES[cls], make(cls)
    inputs, call = tensors(case.inputs), tensors(case.call)
    without = layer(inputs, **call)
    alone = layer(inputs, **call, mask=tf.constant(PRESENT))
    assert not np.allclose(alone, without)
    if isinstance(case.inputs, tuple):
        places = [part.shape == (*PRESENT.shape, 3) for part in case.inputs]
        listed = [tf.constant(PRESENT) if here else None for here in places]
        np.testing.assert_array_equal(layer(inputs, **call, mask=listed), alone)
        with pytest.raises(ValueError, match=rf"{cls.__name__} takes one mask.*list of 3"):
            layer(inputs, **call, mask=[*listed, None])
    for wrong in (PRESENT[:, :1], PRESENT[:1], PRESENT[0], PRESENT[:, :, np.newaxis]):
        with pytest.raises(ValueError, match=rf"(?s){cls.__name__} takes.*`mask`.*Received"):
            layer(inputs, **call, mask=tf.constant(wrong))


@pytest.mark.parametrize("cls", masked_layers())
def test_a_mask_in_the_second_place_is_one_or_refused(cls):
    case, layer = CASES[cls], make(cls)
    inputs, call = tensors(case.inputs), tensors(case.call)
    second = [*inspect.signature(cls.call).parameters][2]
    if second == "mask":
        result = layer(inputs, tf.constant(PRESENT), **call)
        np.testing.assert_array_equal(result, layer(inputs, mask=tf.constant(PRESENT), **call))
        return
    call.pop(second)
    with pytest.raises(ValueError, match=rf"(?s){cls.__name__} takes.*`{second}`.*Received"):
        layer(inputs, tf.constant(PRESENT), **call)


@pytest.mark.parametrize("cls", [cls for cls in LAYERS if isinstance(CASES[cls].inputs, tuple)])
def test_a_mask_in_the_place_of_an_input_is_refused(cls):
    case = CASES[cls]
    for place in range(len(case.inputs)):
        inputs = [*tensors(case.inputs)]
        inputs[place] = tf.constant(PRESENT)
        with pytest.raises(ValueError, match=rf"(?s){cls.__name__} takes.*Received"):
            make(cls)(tuple(inputs), **tensors(case.call))


def test_a_width_of_one_is_not_every_width():
    """Once built, a layer of neighbours or of terms would broadcast it."""
    for cls in (layers.GCNAggregator, layers.GatedFusion):
        layer, inputs = make(cls), CASES[cls].inputs
        for place in range(len(inputs)):
            narrow = [*tensors(inputs)]
            narrow[place] = narrow[place][..., :1]
            with pytest.raises(ValueError, match=rf"(?s){cls.__name__} takes.*Received"):
                layer(tuple(narrow))


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_keras_3_has_a_name_for_the_mask_beside_other_tensors(cls):
    """Called with other tensors by keyword, Keras 3 hands the mask on by this name, or drops it."""
    first, *others = [p for p in inspect.signature(cls.call).parameters if p != "self"]
    tensors_by_keyword = set(others) - {"mask", "training", "return_weights"}
    if "mask" in others and tensors_by_keyword:
        assert f"{first}_mask" in others


@pytest.mark.parametrize("cls", masked_layers())
def test_a_mask_is_found_in_a_functional_model(cls):
    """As `Embedding` hands it on, whatever else the layer is called with."""
    case, layer = CASES[cls], make(cls)
    single = not isinstance(case.inputs, tuple)
    parts = [case.inputs] if single else [*case.inputs]
    call = dict(case.call)
    if cls is layers.CapsuleRouting:
        call["draw"] = some(*PRESENT.shape, case.arguments["interests"])
    keras = tf.keras
    table = keras.layers.Embedding(9, 3, mask_zero=True)
    ids = np.where(PRESENT, np.arange(20).reshape(PRESENT.shape) % 8 + 1, 0).astype("int32")

    def placed(values, is_history):
        if is_history:
            asked = keras.Input(PRESENT.shape[1:], dtype="int32")
            return asked, table(asked), ids
        asked = keras.Input(values.shape[1:], dtype=values.dtype.name)
        return asked, asked, values

    found = [placed(part, part.shape == (*PRESENT.shape, 3)) for part in parts]
    more = {name: placed(values, False) for name, values in call.items()}
    symbols = [symbol for _, symbol, _ in found]
    output = layer(
        symbols[0] if single else tuple(symbols),
        **{n: symbol for n, (_, symbol, _) in more.items()},
    )
    every = [*found, *more.values()]
    model = keras.Model([asked for asked, _, _ in every], output)
    fed = [tf.constant(values) for _, _, values in every]

    history = table(tf.constant(ids))
    explicit = [history if p.shape == (*PRESENT.shape, 3) else tf.constant(p) for p in parts]
    if hasattr(history, "_keras_mask"):
        del history._keras_mask
    expected = layer(
        explicit[0] if single else tuple(explicit), **tensors(call), mask=tf.constant(PRESENT)
    )
    result, wanted = np.array(model(fed)), np.array(expected)
    if result.shape[:2] == PRESENT.shape:
        result, wanted = result[PRESENT], wanted[PRESENT]
    np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5)
