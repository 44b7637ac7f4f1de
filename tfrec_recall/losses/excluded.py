"""Which candidates are among the ids that are no negatives of a query."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._axes import check_ids

SENT = (tf.int32, tf.int64)  # of ids, what devices send each other


def alike(owner: str, across_replicas: bool = False, **given) -> list[tf.Tensor | None]:
    """Ids in one type, as they are compared; None stays None.

    Whole numbers of several types become int64: those of a wider one would be other ids in a
    narrower one.

    Args:
        owner: the loss whose arguments these are.
        across_replicas: in a type that replicas can send each other: strings become their hashes.
        given: by the name of the argument its ids.

    Raises: ValueError for what is neither integers nor strings, and for both at once.
    """
    found = {name: tf.convert_to_tensor(ids) for name, ids in given.items() if ids is not None}
    check_ids(owner, **found)
    types = {ids.dtype for ids in found.values()}
    if len(types) > 1 and tf.string in types:
        received = ", ".join(f"`{name}` of {ids.dtype.name}" for name, ids in found.items())
        raise ValueError(
            f"{owner} compares ids with each other: give all of them as integers, or all as "
            f"strings. Received: {received}."
        )
    wide = all(one.is_integer for one in types) and (
        len(types) > 1 or (across_replicas and not types.issubset(SENT))
    )

    def converted(ids):
        if ids is not None and across_replicas and ids.dtype == tf.string:
            return tf.strings.to_hash_bucket_fast(ids, tf.int64.max)
        return tf.cast(ids, tf.int64) if ids is not None and wide else ids

    return [converted(found.get(name)) for name in given]


def groups(candidate_ids, excluded_ids):
    """Numbers for ids: candidates with one id share one; an id without candidate has the next."""
    candidate_ids = tf.convert_to_tensor(candidate_ids)
    numbers, found = tf.unique(candidate_ids)
    if excluded_ids is None:
        return found, None
    both = tf.concat([numbers, tf.reshape(excluded_ids, [-1])], axis=0)
    excluded = tf.unique(both).idx[tf.size(numbers) :]  # the first appearance gives the number
    return found, tf.reshape(tf.minimum(excluded, tf.size(numbers)), tf.shape(excluded_ids))


def places(candidate_ids, excluded_ids):
    """As `groups`, in operations that XLA compiles where ids are integers.

    The number of an id is its place among the sorted candidates, that of one without candidate
    their count.
    """
    candidate_ids = tf.convert_to_tensor(candidate_ids)
    if candidate_ids.dtype == tf.string:
        return groups(candidate_ids, excluded_ids)
    ordered = tf.sort(candidate_ids)
    place = tf.searchsorted(ordered, tf.reshape(excluded_ids, [-1]))
    beyond = tf.concat([ordered, tf.zeros([1], ordered.dtype)], axis=0)
    there = tf.gather(beyond, place) == tf.reshape(excluded_ids, [-1])
    excluded = tf.where(there, place, tf.size(ordered))
    return tf.searchsorted(ordered, candidate_ids), tf.reshape(excluded, tf.shape(excluded_ids))


def among(ids, excluded):
    """As `marked`, by comparing each id with each excluded one."""
    return tf.reduce_any(excluded[:, :, tf.newaxis] == ids, axis=1)


def marked(groups, excluded):
    """[rows, candidates], True where the candidate's group is among the row's excluded ones.

    In operations that XLA compiles. Numbers of groups are at most that of the candidates.
    """
    rows, width = tf.shape(excluded)[0], tf.size(groups) + 1
    row = tf.repeat(tf.range(rows)[:, tf.newaxis], tf.shape(excluded)[1], axis=1)
    cells = tf.reshape(tf.stack([excluded, row], axis=-1), [-1, 2])
    marks = tf.tensor_scatter_nd_update(
        tf.zeros([width, rows], tf.bool), cells, tf.ones([tf.shape(cells)[0]], tf.bool)
    )
    return tf.transpose(tf.gather(marks, groups))  # of whole rows, which is quicker than of columns


class Marker:
    """As `marked`, by the cells that are True, which are few: XLA wants to know how many.

    Args:
        groups: [candidates]; what is the same for all rows is found once.
    """

    def __init__(self, groups: tf.Tensor):
        self.candidates = tf.size(groups)
        count = self.candidates + 1
        self.by_group = tf.argsort(groups)
        self.members = tf.math.bincount(groups, minlength=count, maxlength=count)
        self.first = tf.cumsum(self.members, exclusive=True)

    def __call__(self, excluded: tf.Tensor) -> tf.Tensor:
        """The mask of these rows, [rows, candidates]."""
        met = tf.where(tf.gather(self.members, excluded) > 0)
        group = tf.gather_nd(excluded, met)
        members = tf.gather(self.members, group)
        ends = tf.cumsum(members)
        cell = tf.range(tf.reduce_sum(members))
        # `tf.repeat` would hold as many numbers for each group as the largest has members.
        met_by = tf.searchsorted(ends, cell, side="right")
        row = tf.gather(tf.cast(met[:, 0], tf.int32), met_by)
        begin = tf.gather(tf.gather(self.first, group) - (ends - members), met_by)
        candidate = tf.gather(self.by_group, begin + cell)
        return tf.tensor_scatter_nd_update(
            tf.zeros([tf.shape(excluded)[0], self.candidates], tf.bool),
            tf.stack([row, candidate], axis=-1),
            tf.ones([tf.size(row)], tf.bool),
        )
