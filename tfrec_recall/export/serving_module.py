"""A retriever as the functions and signatures of a SavedModel."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfrec_recall.retrieval import Retriever

RESERVED = "exclude"
TrackableResource = tf.saved_model.experimental.TrackableResource


class ServingModule(tf.Module):
    """What is saved: functions for `load`, and `serving_signatures` for TensorFlow Serving.

    It holds the retriever's variables and tables, but none of its objects: tracing every layer of
    a Keras model once more would cost time and space and serve nobody.
    """

    def __init__(self, retriever: Retriever):
        super().__init__(name="retriever")
        if RESERVED in retriever.inputs:
            raise ValueError(f"A raw feature cannot be called {RESERVED!r}: rename its column.")
        self.k = tf.Variable(retriever.k, trainable=False, dtype=tf.int32, name="k")
        self.item_ids = tf.Variable(retriever.item_ids, trainable=False, name="item_ids")
        item_id = tf.TensorSpec([None], retriever.id_dtype, "item_id")
        exclude = tf.TensorSpec([None, None], retriever.id_dtype, RESERVED)
        k = tf.TensorSpec([], tf.int32, "k")
        queries, items = named(retriever.inputs), named(retriever.item_inputs)
        raters, rated = named(retriever.rating_inputs), tf.TensorSpec([None, None], item_id.dtype)
        functions = {
            "recommend": tf.function(
                lambda queries, exclude, k: retriever(queries, k, exclude),
                input_signature=[queries, exclude, k],
            ),
            "recommend_with_interest": tf.function(
                lambda queries, exclude, k: retriever.recommend_with_interest(queries, k, exclude),
                input_signature=[queries, exclude, k],
            ),
            "embed_query": tf.function(retriever.embed_query, input_signature=[queries]),
            "embed_item": tf.function(retriever.embed_item, input_signature=[items]),
            "similar_items": tf.function(
                lambda item_id, exclude, k: retriever.similar_items(item_id, k, exclude),
                input_signature=[item_id, exclude, k],
            ),
            "predict_rating": tf.function(
                lambda queries, item_id: retriever.predict_rating(queries, item_id),
                input_signature=[raters, rated],
            ),
        }
        offered = {name: functions[name] for name in ("recommend", *retriever.signatures)}
        for name, function in offered.items():
            setattr(self, name, function)
        if "recommend_with_interest" in offered:  # what another retriever is made of
            self.interests = tf.function(retriever.interests, input_signature=[queries])
            offered["interests"] = self.interests
        self.of_items = dict(retriever.of_items)
        self.state = _state(retriever, offered.values())


def serving_signatures(module: ServingModule, retriever: Retriever) -> dict[str, Any]:
    """The signatures by name, concrete functions of named tensors."""
    exclude = {RESERVED: tf.TensorSpec([None, None], retriever.id_dtype)}
    item_id = {"item_id": tf.TensorSpec([None], retriever.id_dtype)}
    k = retriever.k

    def recommend(inputs):
        exclude = inputs.pop(RESERVED)
        return _lists(module.recommend(inputs, exclude, k), k)

    def recommend_with_interest(inputs):
        exclude = inputs.pop(RESERVED)
        *lists, interest = module.recommend_with_interest(inputs, exclude, k)
        return {**_lists(lists, k), "interest": tf.ensure_shape(interest, [None, k])}

    def similar_items(inputs):
        return _lists(module.similar_items(inputs["item_id"], inputs[RESERVED], k), k)

    def predict_rating(inputs):
        item_id = inputs.pop("item_id")
        return {"rating": module.predict_rating(inputs, item_id)}

    def embed_query(inputs):
        return {"query": module.embed_query(inputs)}

    def embed_item(inputs):
        return {"item": module.embed_item(inputs)}

    offered = {
        "embed_query": (embed_query, retriever.inputs),
        "embed_item": (embed_item, retriever.item_inputs),
        "similar_items": (similar_items, {**item_id, **exclude}),
        "recommend_with_interest": (recommend_with_interest, {**retriever.inputs, **exclude}),
        "predict_rating": (
            predict_rating,
            {**retriever.rating_inputs, "item_id": exclude[RESERVED]},
        ),
    }
    return {
        "serving_default": _traced(recommend, {**retriever.inputs, **exclude}),
        **{name: _traced(*offered[name]) for name in retriever.signatures},
    }


def signature_name(feature: str) -> str:
    """A feature's name as signatures can have it: what is no ASCII letter or digit becomes _.

    >>> signature_name("price (in €)")
    'price__in___'
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", feature)
    return name if name[:1].isalpha() else f"feature_{name}"


def named(specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    """The specifications, each named after its key."""
    return {
        name: tf.TensorSpec(spec.shape, spec.dtype, signature_name(name))
        for name, spec in specs.items()
    }


def _traced(function: Callable, specs: Mapping[str, tf.TensorSpec]) -> Any:
    """The concrete function of tensors named as signatures can have it."""
    features = {signature_name(name): name for name in specs}
    if len(features) < len(specs):
        raise ValueError(
            "Features must differ in more than signs that signatures cannot have: rename a "
            f"column. Received: {sorted(specs)}, which become {sorted(features)}."
        )

    @tf.function
    def signature(**inputs):
        return function({features[name]: value for name, value in inputs.items()})

    return signature.get_concrete_function(**{spec.name: spec for spec in named(specs).values()})


def _state(retriever: Retriever, functions: Iterable) -> list[Any]:
    """The variables and tables that the functions need, each once.

    Those that the retriever's modules hold, and those that only the graphs know: the layers of
    Keras 3 do not show their variables to TensorFlow.
    """
    held = tf.train.TrackableView(retriever).descendants()
    used = [v for function in functions for v in function.get_concrete_function().graph.variables]
    parts = [part for part in (*held, *used) if isinstance(part, tf.Variable | TrackableResource)]
    return list({id(part): part for part in parts}.values())


def _lists(result: tuple[tf.Tensor, tf.Tensor], k: int) -> dict[str, tf.Tensor]:
    item_id, score = (tf.ensure_shape(part, [None, k]) for part in result)
    return {"item_id": item_id, "score": score}
