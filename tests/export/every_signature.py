"""Toys that have every signature between them, and what each of these is asked and answers.

Their inputs are those of the page on serving, whose requests are asked as well.
"""

import dataclasses
import json
import pathlib
import re

import numpy as np
import pandas as pd
import tensorflow as tf

from tests.export.c_program import of_version
from tests.retrieval.toys import MeanOfHistory, item_ids, item_vectors, scoring
from tests.untraced import without_graphs
from tfrec_recall.data.ids import padding_of
from tfrec_recall.export import export
from tfrec_recall.operations.remaining_items import RemainingItems
from tfrec_recall.retrieval import (
    Blend,
    EmbeddingRetriever,
    Exact,
    NeighbourRetriever,
    Popularity,
    TriggerRetriever,
)
from tfrec_recall.serving.json_request import PredictRequest

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "serving.md"
COUNT, DIM = 60, 6
IDS = item_ids(COUNT)
SEGMENTS = pd.DataFrame(
    {
        "segment": ["fr", "fr", "uk"],
        "item_id": ["item 3", "item 5", "item 51"],
        "score": [3.0, 2.0, 1.0],
    }
)
COLUMNS = pd.DataFrame(
    {
        "item_id": IDS,
        "category": [["lamps", "cups"] if item % 3 else ["candles"] for item in range(COUNT)],
        "price": np.arange(COUNT) / 10,
    }
)


@dataclasses.dataclass
class Asked:
    """A retriever, its export, and what is asked of a signature: raw values by feature."""

    original: object
    version: pathlib.Path
    signature: str
    inputs: dict

    def expected(self):
        """Name of the signature's output -> what Python gets, with the retriever as it was."""
        with without_graphs():
            return expected(self.original, self.signature, dict(self.inputs))


def expected(retriever, signature, given):
    """What a retriever answers to the inputs of a signature, by the names of the outputs."""
    if signature == "predict_rating":
        item_id = given.pop("item_id")
        return {"rating": retriever.predict_rating(given, item_id)}
    if signature.startswith("embed_"):
        return {signature.removeprefix("embed_"): getattr(retriever, signature)(given)}
    name = signature.removesuffix("_where")
    exclude, lengths = given.pop("exclude"), given.pop("k", [retriever.k])
    filters = {n: given.pop(n) for n in retriever.filter_inputs if n in given}
    call = retriever if name in ("serving_default", "recommend") else getattr(retriever, name)
    what = given["item_id"] if name == "similar_items" else given
    found = call(what, k=int(max(lengths)), exclude=exclude, filters=filters)
    names = ("item_id", "score", name.removeprefix("recommend_with_"))
    within = np.arange(max(lengths)) < np.reshape(lengths, [-1, 1])
    padding = padding_of(retriever.item_ids)
    none = {"item_id": padding, "score": -np.inf, "interest": -1, "channel": ""}
    return {
        name: tf.where(within, part, tf.constant(none[name], part.dtype))
        for name, part in zip(names, found, strict=False)
    }


class Shopper(tf.Module):
    """Two interests: what was had, and what a country likes, where it says which it is."""

    inputs = {  # noqa: RUF012
        "country": tf.TensorSpec([None], tf.string),
        "history": tf.TensorSpec([None, None], tf.string),
    }

    def __init__(self):
        super().__init__()
        self.had, self.of_country = MeanOfHistory(IDS, item_vectors(COUNT)), tf.eye(DIM)

    def __call__(self, raw):
        liked = tf.gather(self.of_country, tf.strings.length(raw["country"]) % DIM)
        there = tf.stack([tf.fill(tf.shape(raw["country"]), True), raw["country"] != ""], axis=1)
        return tf.stack([self.had(raw), liked], axis=1), there


class OfColumns(tf.Module):
    """[price, 1 of what a table calls bright, …] of items."""

    inputs = {  # noqa: RUF012
        "category": tf.TensorSpec([None], tf.string),
        "price": tf.TensorSpec([None], tf.float32),
    }

    def __init__(self):
        super().__init__()
        pairs = tf.lookup.KeyValueTensorInitializer(["lamps", "candles"], [1.0, 0.5])
        self.bright = tf.lookup.StaticHashTable(pairs, 0.0)

    def __call__(self, raw):
        found = tf.stack([raw["price"], self.bright.lookup(raw["category"])], axis=1)
        return tf.pad(found, [[0, 0], [0, DIM - 2]])


class Rater(tf.Module):
    """A rating is the number in the item's id and half the length of the user's."""

    inputs = {"user_id": tf.TensorSpec([None], tf.string)}  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(0.5)

    def __call__(self, queries, item_id):
        digits = tf.strings.regex_replace(item_id, "[^0-9]", "")
        number = tf.strings.to_number(tf.strings.join(["0", digits]))
        length = tf.cast(tf.strings.length(queries["user_id"]), tf.float32)
        return self.scale * length[:, tf.newaxis] + number


def shopper():
    """Several interests, ratings, items embedded by their columns, and filters."""
    arguments = {"item_embedder": OfColumns(), "with_interest": True, "k": 5}
    made = EmbeddingRetriever(Shopper(), IDS, item_vectors(COUNT), **arguments)
    return made.with_ratings(Rater()).with_filters(COLUMNS, ["category", "price"])


def blended():
    """Trigger items, and a shortlist that is scored again."""
    triggers = TriggerRetriever(IDS, item_vectors(COUNT), k=5, last=3, half_life=2.0, neighbours=9)
    return Blend({"triggers": triggers, "scores": scoring(COUNT, 20, Exact())}, k=5, depth=8)


def without_some():
    """Neighbours of items, one of which was taken out; filters, and what is popular in a country
    for strangers.
    """
    neighbours = (np.arange(COUNT)[:, np.newaxis] + np.arange(1, 10)) % COUNT
    whole = NeighbourRetriever(IDS, neighbours, np.tile(range(9, 0, -1), (COUNT, 1)), k=20)
    left = COLUMNS[COLUMNS["item_id"] != "item 5"]
    made = RemainingItems(whole, left["item_id"].to_numpy(), k=20)
    made.with_fallback(Popularity(IDS, range(COUNT), "country", SEGMENTS))
    return made.with_filters(left, ["category", "price"])


def every_signature(folder):
    """What there is to ask, by name."""
    country = {"country": ["fr", "", "uk"]}
    history = {"history": [["item 3", "item 9"], ["item 5", ""], ["", ""]]}
    left_out = {"exclude": [["item 4"], [""], ["item 59"]]}
    chosen = {
        "where_category": [["candles", "cups"], ["lamps", ""], ["", ""]],
        "where_not_category": [["", ""], ["candles", ""], ["none", ""]],
        "min_price": [np.nan, 0.4, 5.0],
        "max_price": [5.0, np.nan, np.nan],
        "k": np.int32([5, 2, 1]),
    }
    asked = {
        "shopper": {
            "serving_default": {**country, **history, **left_out},
            "recommend_with_interest": {**country, **history, **left_out},
            "recommend_with_interest_where": {**country, **history, **left_out, **chosen},
            "embed_query": {**country, **history},
            "embed_item": {"category": ["lamps", "cups"], "price": np.float32([2, 3])},
            "predict_rating": {"user_id": ["u1", ""], "item_id": [["item 3", ""]] * 2},
        },
        "blend": {
            "recommend_with_channel": {**country, **history, **left_out},
            "recommend_with_channel_where": {**country, **history, **left_out, "k": chosen["k"]},
        },
        "without some": {
            "recommend_where": {**country, **history, **left_out, **chosen},
            "similar_items": {"item_id": ["item 3", "item 5"], "exclude": [["item 4"]]},
            "similar_items_where": {
                "item_id": ["item 3", "item 5", "item 58"],
                **left_out,
                **chosen,
            },
        },
    }
    made = {"shopper": shopper(), "blend": blended(), "without some": without_some()}
    versions = {name: export(one, folder / name.replace(" ", "_")) for name, one in made.items()}
    found = {
        f"{name}: {signature}": Asked(made[name], versions[name], signature, inputs)
        for name, signatures in asked.items()
        for signature, inputs in signatures.items()
    }
    whose = {one.signature: one for one in found.values()}
    for number, request in enumerate(requests_of_the_page()):
        like = whose[request.signature or "serving_default"]
        taken = of_version(like.version)[like.signature].inputs
        types = {name: tf.dtypes.as_dtype(told.dtype) for name, told in taken.items()}
        asked_by_it = dataclasses.replace(like, inputs=request.arrays(types))
        found[f"page {number}: {like.signature}"] = asked_by_it
    # The program holds one export, whose signatures it makes ready when it first meets them.
    return dict(sorted(found.items(), key=lambda one: (one[1].version, one[1].signature)))


def requests_of_the_page():
    """The predict requests of docs/serving.md: those of curl, and those that stand alone."""
    page = PAGE.read_text(encoding="utf-8")
    by_curl = re.findall(r":predict -d '(.*?)'\n", page, re.DOTALL)
    text = "".join(re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)).strip()
    alone = []
    while text:
        _, end = json.JSONDecoder().raw_decode(text)
        alone.append(text[:end])
        text = text[end:].strip()
    return [PredictRequest.parse(body.encode()) for body in (*by_curl, *alone)]
