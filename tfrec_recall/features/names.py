"""What features may be called: in a batch by their names, in a request by the columns they read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from tfrec_recall._signatures import signature_name
from tfrec_recall.features.columns import HISTORIES, Feature, History, TimeOf

if TYPE_CHECKING:
    from tfrec_recall.features.specification import Features

# What a batch holds beside the features of users and items, and a request beside those of users.
# What a step adds for itself begins with a dot, which no feature can: see `is_plain`.
RESERVED = frozenset(
    {"sample_weight", "example_age", "user_row", "own_items", "seed"}
    | {"place", "places", "pass_events"}
)
OF_REQUESTS = frozenset({"timestamp", "objective", "exclude", "k", "history", "item_id"})
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def is_reserved(name: str, of_user: bool) -> bool:
    """Whether a column's feature cannot have this name, as batches or requests have their own."""
    return name in RESERVED or (of_user and _is_of_requests(name))


def _is_of_requests(name: str) -> bool:
    return name in OF_REQUESTS or name.startswith(HISTORIES)


def is_plain(name: str) -> bool:
    """Whether TensorFlow takes this name for an input and a scope, and so an export can have it."""
    return _PLAIN.fullmatch(name) is not None


def listed(features: Iterable[Feature], side: str) -> tuple[Feature, ...]:
    """The features of a side, `user` or `item`.

    Raises: ValueError for what is no list of features.
    """
    found = tuple(features) if isinstance(features, Iterable) else (features,)
    if found == (features,) or not all(isinstance(one, Feature) for one in found):
        raise ValueError(
            f"Features takes {side} as a list of features, [Categorical('{side}_id'), …]. "
            f"Received: {side}={features!r}."
        )
    return found


def refuse_names(user: Sequence[Feature], item: Sequence[Feature]) -> None:
    """Raises ValueError for names that features cannot have, and columns that requests cannot."""
    names = [feature.name for feature in (*user, *item)]
    of_columns = [f for f in user if not isinstance(f, History | TimeOf)]
    asked = {f.column for f in of_columns if _is_of_requests(f.column)}
    taken = {f.name for f in of_columns if is_reserved(f.name, of_user=True)}
    taken |= {name for name in names if is_reserved(name, of_user=False)}
    if asked or taken:
        way = (
            "rename the column"
            if asked
            else "give the feature another name=…, or rename the column"
        )
        raise ValueError(
            f"A batch or a request has its own {', '.join(sorted(asked or taken))}: {way}."
        )
    sources = [f.source for f in user if f.source not in names]
    strange = [name for name in (*names, *sources) if not is_plain(name)]
    if strange:
        raise ValueError(
            "A feature is called by letters without accents, digits, and _ . - behind the first, "
            "as TensorFlow's inputs are: give one of an item another name=…, and rename a column "
            f"of users or events. Received: {strange}."
        )
    asked_for = sorted({feature.source for feature in user})
    called = Counter(map(signature_name, asked_for))
    alike = [source for source in asked_for if called[signature_name(source)] > 1]
    if alike:
        raise ValueError(
            "A request has letters, digits and _ in its names, so that columns of users and events "
            f"must differ in more than . and -: rename one. Received: {alike}."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"Two features have the name {', '.join(repeated)}: give one another with name=…."
        )


def raw_inputs(features: Features) -> dict[str, tf.TensorSpec]:
    """What a request says of the user's features, by the columns that these read.

    Raises: ValueError where two features read one column in two types.
    """
    found: dict[str, tf.TensorSpec] = {}
    for feature in features.user:
        source, spec = feature.source, features.encodings[feature.name].raw_spec()
        shape = [None, None] if isinstance(feature, History) else spec.shape
        spec = tf.TensorSpec(shape, spec.dtype, name=source)
        before = found.setdefault(source, spec)
        if before != spec:
            raise ValueError(
                f"A request has {source!r} once, for all features that read it: take one kind, or "
                f"make a second column. Received: {before.dtype.name} {before.shape} and, for the "
                f"feature {feature.name!r}, {spec.dtype.name} {spec.shape}."
            )
    return found
