"""A split in a folder is the split that was written."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.cli.arguments.protocol import Protocol, read_split
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.data import (
    Interactions,
    given,
    hold_out_users,
    last_basket_out,
    last_events_out,
    load_split,
    temporal,
)


def a_log(unit=None):
    random = np.random.default_rng(1)
    user = np.sort(random.integers(0, 20, 200))
    events = pd.DataFrame({"user_id": user, "item_id": random.integers(0, 30, 200).astype(str)})
    events["timestamp"] = 10**9 + 100 * random.permutation(200) * (unit is None)
    events["timestamp"] += np.arange(200) * (unit is not None)
    events["session_id"] = np.arange(200) // 2
    times = events.groupby("session_id")["timestamp"].transform("min")
    users = pd.DataFrame({"user_id": range(21), "country": "x"})
    return Interactions(events.assign(timestamp=times), users, time_unit=unit)


def write(split, folder):
    """As Spark does, in files of its own."""
    train = {name: getattr(split.train, name) for name in ("events", "users", "items")}
    frames = {f"train/{name}": frame for name, frame in train.items()}
    for on in ("validation", "test"):
        frames |= {f"{on}/{name}": getattr(split.part(on), name) for name in ("history", "targets")}
    about = {"name": [split.name], "published": [split.published]}
    frames["about"] = pd.DataFrame({**about, "time_unit": [split.interactions.time_unit]})
    for name, frame in frames.items():
        (folder / name).mkdir(parents=True)
        frame.to_parquet(folder / name / "part-0.parquet", index=False)


def rows(events):
    return events.sort_values([*events.columns], ignore_index=True)


SPLITS = {
    "last": lambda data: last_events_out(data, test=2, validation=1),
    "without validation": lambda data: last_events_out(data, test=1, validation=0),
    "basket": lambda data: last_basket_out(data, new_items_only=False),
    "new items": last_basket_out,
    "temporal": lambda data: temporal(data, 10**9 + 9_000, 10**9 + 14_000, minimum=2),
    "users": lambda data: hold_out_users(data, 0.2, 0.3, targets=3),
    "order": lambda data: last_events_out(data, test=1, validation=1),
    "given": lambda data: given(
        data.with_events(
            data.events.drop(columns="timestamp").assign(
                split=np.resize(["train", "test", "train"], 200)
            )
        )
    ),
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_is_what_was_written(name, tmp_path):
    data = a_log("order" if name == "order" else None)
    split = SPLITS[name](data)
    write(split, tmp_path / "split")
    found = load_split(tmp_path / "split")
    assert (found.name, found.published) == (split.name, split.published)
    assert found.train.time_unit == split.train.time_unit
    for table in ("events", "users", "items"):
        expected = getattr(split.train, table)
        pd.testing.assert_frame_equal(rows(getattr(found.train, table)), rows(expected))
    for on in ("validation", "test"):
        for table in ("history", "targets"):
            expected = getattr(split.part(on), table)
            pd.testing.assert_frame_equal(getattr(found.part(on), table), expected)
    everything = found.interactions.events
    if split.left is None or not len(split.left):
        pd.testing.assert_frame_equal(rows(everything), rows(split.interactions.events))
    else:
        assert 0 <= len(split.interactions.events) - len(everything) <= len(split.left)


def test_the_commands_follow_it(tmp_path):
    split = SPLITS["last"](a_log())
    folder = tmp_path / "split"
    write(split, folder)
    found = read_split(Source(str(folder)), Protocol(repeats=True))
    assert found.test.targets.equals(split.test.targets)
    with pytest.raises(ValueError, match=r"leave --split last:1 --minimum 3 out"):
        read_split(Source(str(folder)), Protocol("last:1", 3))
    with pytest.raises(ValueError, match=r"leave --type out.*Received: --type"):
        read_split(Source(str(folder), layout={"dtype": {"item_id": "str"}}), Protocol())
    with pytest.raises(ValueError, match=r"which train and evaluate follow.*split/train has"):
        Source(str(folder)).load()
    (folder / "validation").rename(tmp_path / "validation")
    with pytest.raises(ValueError, match=r"holds no split: .*Received: \['about'"):
        load_split(folder)
