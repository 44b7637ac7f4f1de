"""A retriever as the functions and signatures of a SavedModel."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfrec_recall._signatures import signature_name
from tfrec_recall.data.ids import padding_of
from tfrec_recall.retrieval import Retriever

EXCLUDE, LENGTH = "exclude", "k"
WHERE = "_where"  # ends the names of signatures that take all that a request may say
UNFILTERED = "_unfiltered"  # ends the names of functions that choose nothing, where others do
TrackableResource = tf.saved_model.experimental.TrackableResource


class ServingModule(tf.Module):
    """What is saved: functions for `load`, and `serving_signatures` for TensorFlow Serving.

    It holds the retriever's variables and tables, but none of its objects: tracing every layer of
    a Keras model once more would cost time and space and serve nobody.
    """

    def __init__(self, retriever: Retriever):
        super().__init__(name="retriever")
        for name in {EXCLUDE, LENGTH} & set(retriever.inputs):
            raise ValueError(f"A raw feature cannot be called {name!r}: rename its column.")
        self.k = tf.Variable(retriever.k, trainable=False, dtype=tf.int32, name="k")
        self.item_ids = tf.Variable(retriever.item_ids, trainable=False, name="item_ids")
        item_id = tf.TensorSpec([None], retriever.id_dtype, "item_id")
        exclude = tf.TensorSpec([None, None], retriever.id_dtype, EXCLUDE)
        k = tf.TensorSpec([], tf.int32, LENGTH)
        filters = named(retriever.filter_inputs)
        queries, items = named(retriever.inputs), named(retriever.item_inputs)
        raters, rated = named(retriever.rating_inputs), tf.TensorSpec([None, None], item_id.dtype)
        lists: dict[str, tuple[Callable, Any]] = {
            "recommend": (retriever.recommend_with_evidence, queries),
            "recommend_with_interest": (retriever.recommend_with_interest, queries),
            "recommend_with_channel": (retriever.recommend_with_channel, queries),
            "similar_items": (retriever.similar_items, item_id),
        }
        functions = {
            "embed_query": tf.function(retriever.embed_query, input_signature=[queries]),
            "embed_item": tf.function(retriever.embed_item, input_signature=[items]),
            "predict_rating": tf.function(
                lambda queries, item_id: retriever.predict_rating(queries, item_id),
                input_signature=[raters, rated],
            ),
        }
        for name, (method, what) in lists.items():
            functions[name] = _listing(method, [what, exclude, k, filters])
        offered = {name: functions[name] for name in ("recommend", *retriever.signatures)}
        if filters:
            for name in lists.keys() & offered.keys():
                method, what = lists[name]
                offered[name + UNFILTERED] = _listing(method, [what, exclude, k, {}])
        for name, function in offered.items():
            setattr(self, name, function)
        if "embed_query" in offered and _rank(functions["embed_query"]) == 3:
            interests = tf.function(retriever.interests, input_signature=[queries])
            if interests.get_concrete_function().structured_outputs[1] is not None:
                self.interests = offered["interests"] = interests  # what others are made of
        knows = tf.function(retriever.knows, input_signature=[queries])
        if knows.get_concrete_function().structured_outputs is not None:
            self.knows = offered["knows"] = knows
        if hasattr(retriever, "whole"):  # what the next version is made of, see `RemainingItems`
            self.whole = retriever.whole
        self.of_items = dict(retriever.of_items)
        self.searchers = {name: dict(parts) for name, parts in retriever.searchers.items()}
        self.state = _state(retriever, offered.values())


def serving_signatures(module: ServingModule, retriever: Retriever) -> dict[str, Any]:
    """The signatures by name, concrete functions of named tensors.

    Those that give lists come twice: as long as exported, with nothing to choose; and, their names
    ending in `_where`, with `k` and the filters.
    """
    ids = tf.TensorSpec([None, None], retriever.id_dtype)
    item_id = {"item_id": tf.TensorSpec([None], retriever.id_dtype)}
    rows = {"item_id": ids}

    def recommend(*asked):
        return _lists(listed(module, "recommend", *asked)[:2])

    def recommend_with_interest(*asked):
        *lists, interest = listed(module, "recommend_with_interest", *asked)
        return {**_lists(lists), "interest": interest}

    def recommend_with_channel(*asked):
        *lists, channel = listed(module, "recommend_with_channel", *asked)
        return {**_lists(lists), "channel": channel}

    def similar_items(inputs, *asked):
        return _lists(listed(module, "similar_items", inputs["item_id"], *asked))

    def predict_rating(inputs):
        item_id = inputs.pop("item_id")
        return {"rating": module.predict_rating(inputs, item_id)}

    def embed_query(inputs):
        return {"query": module.embed_query(inputs)}

    def embed_item(inputs):
        return {"item": module.embed_item(inputs)}

    listing = {
        "serving_default": (recommend, retriever.inputs),
        "similar_items": (similar_items, item_id),
        "recommend_with_interest": (recommend_with_interest, retriever.inputs),
        "recommend_with_channel": (recommend_with_channel, retriever.inputs),
    }
    plain = {
        "embed_query": (embed_query, retriever.inputs),
        "embed_item": (embed_item, retriever.item_inputs),
        "predict_rating": (predict_rating, {**retriever.rating_inputs, **rows}),
    }
    found = {}
    for name in ("serving_default", *retriever.signatures):
        if name in plain:
            found[name] = _traced(*plain[name])
            continue
        function, inputs = listing[name]
        taken = {**inputs, EXCLUDE: ids}
        found[name] = _traced(_as_exported(function, retriever), taken)
        length = {LENGTH: tf.TensorSpec([None], tf.int32), **retriever.filter_inputs}
        asked = "recommend" if name == "serving_default" else name
        found[f"{asked}{WHERE}"] = _traced(_as_asked(function, retriever), {**taken, **length})
    return found


def _as_exported(function: Callable, retriever: Retriever) -> Callable:
    """The signature of lists as long as the export says, of whatever items."""
    k = retriever.k

    def signature(inputs):
        lists = function(inputs, inputs.pop(EXCLUDE), k, {})
        for part in lists.values():
            part.set_shape([None, k])
        return lists

    return signature


def _as_asked(function: Callable, retriever: Retriever) -> Callable:
    """The signature of lists as long as each request says, of the items that it chooses."""
    most = retriever.k

    def signature(inputs):
        k, exclude = inputs.pop(LENGTH), inputs.pop(EXCLUDE)
        filters = {name: inputs.pop(name) for name in retriever.filter_inputs}
        rule = f"k is the length of a list, from 1 to {most}, for each query, or one for all."
        fits = tf.reduce_all((k >= 1) & (k <= most))
        with tf.control_dependencies([tf.debugging.Assert(fits, [rule, k])]):
            k = tf.identity(k)
        longest = tf.reduce_max(tf.concat([k, [1]], axis=0))
        lists = function(inputs, exclude, longest, filters)
        batch = tf.shape(lists["score"])[0]
        k = tf.repeat(k, tf.where(tf.size(k) == 1, batch, 1))
        with tf.control_dependencies([tf.debugging.assert_equal(tf.size(k), batch, rule)]):
            within = tf.range(longest) < k[:, tf.newaxis]
        none = {"item_id": padding_of(retriever.item_ids), "interest": -1, "channel": ""}
        return {
            name: tf.where(within, part, tf.constant(none.get(name, -math.inf), part.dtype))
            for name, part in lists.items()
        }

    return signature


def listed(
    module: Any,
    name: str,
    what: Any,
    exclude: tf.Tensor,
    k: tf.Tensor | int,
    filters: Mapping[str, tf.Tensor],
) -> tuple[tf.Tensor, ...]:
    """What a function of lists answers: the cheaper one of its two where nothing is chosen.

    Args:
        module: a `ServingModule`, or one that was restored.
    """
    unfiltered = None if filters else getattr(module, name + UNFILTERED, None)
    return (unfiltered or getattr(module, name))(what, exclude, k, filters)


def _listing(method: Callable, signature: list[Any]) -> Callable:
    """A method of lists, by the names that its arguments have in an export."""

    def of_queries(queries, exclude, k, filters):
        return method(queries, k=k, exclude=exclude, filters=filters)

    def of_items(item_id, exclude, k, filters):
        return method(item_id, k=k, exclude=exclude, filters=filters)

    function = of_queries if isinstance(signature[0], dict) else of_items
    return tf.function(function, input_signature=signature)


def _rank(function: Any) -> int | None:
    """The number of axes of what a function gives."""
    return function.get_concrete_function().structured_outputs.shape.rank


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


def _lists(result: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
    item_id, score = result
    return {"item_id": item_id, "score": score}
