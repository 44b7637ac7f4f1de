"""Batches of events in parts hold the examples of the events that are held."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions, has_baskets, next_item, part_events
from tfrec_recall.data.datasets import simulated
from tfrec_recall.data.feeding.batch_parts import parts_of
from tfrec_recall.data.feeding.next_pass import followed_by
from tfrec_recall.features import (
    Categorical,
    Features,
    History,
    MultiValued,
    Numeric,
    Words,
    example_batches,
)
from tfrec_recall.features.own_items import OwnItems
from tfrec_recall.features.parted_batches import _Part, _stretches, _Worker, parted_batches
from tfrec_recall.models.learning.next_choice import choices

BATCH = 64


def specification(*context):
    user = [Categorical("user_id", min_count=3), Categorical("device"), *context]
    history = [History(length=5), History("query", name="searched", length=5)]
    item = [Categorical("item_id", min_count=2), Categorical("brand"), Numeric("price", buckets=4)]
    return Features([*user, *history], item)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    simulated.write(folder / "log", 3000, items=120, seed=4)
    return Interactions.from_parquet(folder / "log"), part_events(
        folder / "log", folder / "parts", parts=3
    )


@pytest.fixture(scope="module")
def both(data):
    held, parts = data
    context = Categorical("query")
    return specification(context).adapt(held), specification(context).adapt(parts)


def examples_of(interactions):
    return next_item(interactions, history=5)


def rows_of(dataset, features, users):
    """All examples as texts, users by name, in an order that both have."""
    rows = []
    for batch in dataset.as_numpy_iterator():
        batch = {**batch, "user_row": users[batch["user_row"]]}
        columns = [np.asarray(batch[name]).astype(str).tolist() for name in sorted(batch)]
        rows += [str(row) for row in zip(*columns, strict=True)]
    return sorted(rows)


def test_features_learn_the_same(both):
    ours, theirs = both[1], both[0]
    assert ours.encodings.keys() == theirs.encodings.keys()
    config, expected = ours.get_config(), theirs.get_config()
    for name in theirs.encodings:
        assert str(config["encodings"][name]) == str(expected["encodings"][name]), name
    assert (ours.has_order, ours.has_baskets) == (theirs.has_order, theirs.has_baskets)
    assert ours.of_events == theirs.of_events == {"query"}
    for name, rows in theirs.item_table.items():
        np.testing.assert_array_equal(ours.item_table[name], rows)


def test_batches_hold_the_same_examples(data, both):
    held, parts = data
    examples = examples_of(held)
    expected = example_batches(both[0], held, examples, BATCH, seed=None)
    found = parted_batches(both[1], parts, examples_of, BATCH, seed=3)
    users = np.concatenate([part.users["user_id"] for part in parts])
    steps = [len(batch["item_id"]) for batch in found.dataset]
    assert len(steps) == int(found.dataset.cardinality())
    assert found.dataset.options().autotune.enabled is False
    assert max(steps) == BATCH
    assert rows_of(found.dataset, both[1], users) == rows_of(
        expected, both[0], held.users["user_id"].to_numpy()
    )
    item = np.concatenate([batch["item_id"] for batch in expected.as_numpy_iterator()])
    np.testing.assert_array_equal(found.targets, np.bincount(item, minlength=len(found.targets)))


def test_own_items_are_as_wide_in_all_parts(data, both):
    _, parts = data
    found = parted_batches(both[1], parts, examples_of, BATCH, seed=3, own=64)
    widths = [OwnItems.of(both[1], part, 64).width for part in parts]
    assert len({*widths}) > 1
    assert {batch["own_items"].shape[1] for batch in found.dataset} == {max(widths)}


def test_passes_differ_and_are_taken_up_where_they_stopped(data, both):
    _, parts = data

    def items(first_epoch, passes):
        dataset = parted_batches(both[1], parts, examples_of, BATCH, 3, first_epoch).dataset
        return [
            [batch["item_id"].tolist() for batch in dataset.as_numpy_iterator()]
            for _ in range(passes)
        ]

    first, second = items(0, 2)
    assert sorted(itertools.chain(*first)) == sorted(itertools.chain(*second))
    assert first != second
    assert items(1, 1) == [second]
    dataset = parted_batches(both[1], parts, examples_of, BATCH, 3).dataset
    (following,) = followed_by(dataset)
    following.go_to(1, skipped=len(second) - 3)
    rest = dataset.take(3)  # as fit asks for no more
    assert [batch["item_id"].tolist() for batch in rest.as_numpy_iterator()] == second[-3:]
    following.go_to(0, skipped=len(first) - 3)  # a repeated dataset ends its passes
    whole = [batch["item_id"].tolist() for batch in dataset.as_numpy_iterator()]
    assert whole == first[-3:] + second[:-3]


def test_two_workers_with_two_replicas_learn_from_parts_of_their_own(data, both):
    """Of three parts; from the one that is left each replica takes its share."""
    _, parts = data
    made, targets, _ = parted_batches(both[1], parts, examples_of, BATCH, 3)
    (following,), steps = followed_by(made), int(made.cardinality())

    def of_worker(number, skipped=0):
        following.go_to(0, skipped)
        own = parts_of(made)(range(2 * number, 2 * number + 2), 4)
        return list(own.take(2 * (steps - skipped)).as_numpy_iterator())

    found = [of_worker(0), of_worker(1)]
    items = np.concatenate([one["item_id"] for own in found for one in own])
    np.testing.assert_array_equal(np.bincount(items, minlength=len(targets)), targets)
    sizes = [[len(one["item_id"]) for one in own] for own in found]
    of_steps = np.sum(sizes, axis=0).reshape(steps, 2).sum(axis=1)
    assert np.median(of_steps) == pytest.approx(BATCH, abs=2)
    assert of_steps.max() <= BATCH + 2
    for one, other in zip(of_worker(1, steps - 2), found[1][-4:], strict=True):
        np.testing.assert_array_equal(one["item_id"], other["item_id"])


@pytest.mark.parametrize(
    ("workers", "own"), [(1, [5]), (2, [2, 2]), (3, [1, 1, 1]), (5, [1] * 5), (7, [0] * 7)]
)
def test_parts_are_shared_out_to_workers(workers, own):
    """Steps of a pass are as many for each of them; what is left over all of them read."""
    order = [_Part(n, 100 + n, -(-(100 + n) // BATCH), 0, 0.0) for n in (3, 0, 4, 1, 2)]
    all_of_them = [
        _stretches(order, BATCH, _Worker(range(2 * n, 2 * n + 2), 2 * workers))
        for n in range(workers)
    ]
    assert [sum(one.whole for one in each) for each in all_of_them] == own
    left = {tuple(one.part.number for one in each if not one.whole) for each in all_of_them}
    assert left == {(3, 0, 4, 1, 2)[sum(own) :]}
    whole = sorted(one.part.number for each in all_of_them for one in each if one.whole)
    assert whole == sorted((3, 0, 4, 1, 2)[: sum(own)])
    for each in all_of_them:
        assert sum(one.steps for one in each) == sum(part.steps for part in order)
        assert all(one.size * one.steps >= one.part.examples for one in each)


def test_lists_of_users_are_as_long_as_those_of_a_part(tmp_path):
    """No two users have as long a list, so that no two parts have as wide a table."""
    log = pd.DataFrame({"user_id": np.arange(36) % 12, "item_id": np.arange(36) % 5})
    log["timestamp"] = 1_600_000_000 + np.arange(36)
    tags = [list("abcdefghijkl")[: user + 1] for user in range(12)]
    users = pd.DataFrame({"user_id": range(12), "tags": tags, "about": map(" ".join, tags)})
    log.to_parquet(tmp_path / "events.parquet")
    users.to_parquet(tmp_path / "users.parquet")
    parts = part_events(
        tmp_path / "events.parquet", tmp_path / "parts", 3, tmp_path / "users.parquet"
    )
    assert len(parts) > 1
    of_user = [MultiValued("tags"), Words("about", length=4), History(length=5)]
    features = Features(of_user, [Categorical("item_id")]).adapt(parts)
    dataset = parted_batches(features, parts, examples_of, batch_size=4).dataset
    shape = dataset.element_spec["tags"].shape.as_list(), dataset.element_spec["history"].shape[1]
    assert shape == ([None, None], 5)
    met = np.concatenate([part.users["user_id"] for part in parts])
    expected = features.encode_users(users)
    seen = set()
    for batch in dataset.as_numpy_iterator():
        for row, user in enumerate(met[batch["user_row"]]):
            seen.add(user)
            for name in ("tags", "about"):
                found = np.trim_zeros(batch[name][row])
                np.testing.assert_array_equal(found, np.trim_zeros(expected[name][user]))
    assert seen == set(range(12))


def test_integers_with_gaps_are_read_alike_at_once_in_parts_and_later(tmp_path):
    log = pd.DataFrame({"user_id": np.arange(30) % 6, "item_id": np.arange(30) % 5})
    log = log.assign(timestamp=1_600_000_000 + np.arange(30), shelf=[1.0, np.nan, 2.0] * 10)
    log.to_parquet(tmp_path / "events.parquet")
    parts = part_events(tmp_path / "events.parquet", tmp_path / "parts", 2)
    shelves = History("shelf", name="history_shelf")

    def adapted(data):
        return Features([History(), shelves], [Categorical("item_id")]).adapt(data)

    held, parted = adapted(Interactions(log)), adapted(parts)
    known = held.encodings["history_shelf"].vocabulary
    assert sorted(known.ids) == [1, 2]
    assert str(parted.encodings["history_shelf"].get_config()) == str(
        held.encodings["history_shelf"].get_config()
    )
    since = log.assign(timestamp=1_700_000_000, shelf=[3.0, np.nan, 2.0] * 10)
    grown = held.grow(Interactions(since)).encodings["history_shelf"].vocabulary
    assert grown.ids.tolist() == [*known.ids.tolist(), 3]
    assert grown.counts[2:].sum() == 40
    with pytest.raises(
        ValueError, match=r"History\('shelf'\) cannot grow by what the events have.*int64"
    ):
        held.grow(Interactions(since.assign(shelf="top")))


def test_sessions_are_baskets_in_all_parts_or_in_none(tmp_path):
    """One user alone has two items in a basket; all users have their first item again."""
    row = np.arange(40)
    log = pd.DataFrame({"user_id": row // 4, "item_id": row % 4 % 3})
    log["session_id"] = np.where(row < 4, row // 2, row)
    log["timestamp"] = 1_600_000_000 + log["session_id"]
    apart = log["timestamp"] + ((row < 4) & (row % 2 == 1))
    for times, baskets in ((log["timestamp"], True), (apart, False)):
        folder = tmp_path / str(baskets)
        log.assign(timestamp=times).to_parquet(folder.with_suffix(".parquet"))
        parts = part_events(folder.with_suffix(".parquet"), folder, 3)
        features = Features([History()], [Categorical("item_id")]).adapt(parts)
        assert features.has_baskets == baskets
        others = [part for part in parts if 0 not in set(part.users["user_id"])]
        assert others
        for part in others:
            assert not has_baskets(part)  # by itself
            found = choices(features, part)
            again = found.events.duplicated(["user_id", "item_id"]).to_numpy()[found.target]
            assert again.any() != baskets


def test_what_cannot_be_counted_and_what_has_no_example_is_refused(data):
    _, parts = data
    with pytest.raises(ValueError, match=r"'watch_ratio' has to be Categorical.*Received: Numeric"):
        specification(Numeric("watch_ratio")).adapt(parts)
    features = specification().adapt(parts)
    none = parts.map(lambda part: part.take(np.arange(0)))
    with pytest.raises(ValueError, match=r"No example is left.*any part.*3 parts"):
        parted_batches(features, none, examples_of, BATCH)
