"""What `train` says of the columns."""

import pandas as pd
import pytest

from tests.features.test_inference import DATA, EVENTS, ITEMS
from tfrec_recall.cli.feature_report import tell_features
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History, infer


def said(features, data, capsys, columns=None):
    tell_features(features.adapt(data), data, "a-model", columns)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_features_and_what_is_left_out_have_a_line_each(capsys):
    lines = said(infer(DATA, history=7), DATA, capsys)
    assert lines[:3] == [
        "Features of users: user_id (Categorical), category (Categorical), history (History of "
        "item_id: the latest 7)",
        "Features of items: item_id (Categorical), item_category (Categorical of category), "
        "item_history (Categorical of history), emb (Vector: 2 numbers, as they are), "
        "genres (MultiValued: split at '|', up to 2 values), a_b (Numeric of a=b: 10 "
        "buckets)",
        "Left out users.history: its name has another meaning: rename the column",
    ]
    assert "Left out items.title: its texts hardly ever come twice, as 'item 0'" in lines
    assert not any("Not used" in line for line in lines)


def test_what_a_model_does_not_read_is_said(capsys):
    features = Features(user=[History()], item=[Categorical("item_id")])
    data = Interactions(EVENTS, items=pd.DataFrame(ITEMS[["item_id", "title", "category"]]))
    assert said(features, data, capsys)[-1] == (
        "Not used by a-model: users.user_id, items.title, items.category"
    )


def test_what_a_request_tells_and_a_model_does_not_read_is_said(capsys):
    events = EVENTS.assign(device=["phone", "web"] * (len(EVENTS) // 2))
    data = Interactions(events, items=pd.DataFrame(ITEMS[["item_id", "category"]]))
    columns = ["events.device=Categorical", "items.category"]
    by_id = Features(user=[History()], item=[Categorical("item_id")])
    assert said(by_id, data, capsys, columns)[-1] == (
        "Not used by a-model: users.user_id, items.category, events.device"
    )
    lines = said(infer(data, columns=columns), data, capsys, columns)
    assert not any("Not used" in line for line in lines)


@pytest.mark.parametrize("words", ["[red]title", ":tea:"])
def test_a_column_is_no_markup(words, capsys):
    data = Interactions(EVENTS, items=ITEMS.rename(columns={"title": words}))
    assert f"Left out items.{words}: " in "\n".join(said(infer(data), data, capsys))
