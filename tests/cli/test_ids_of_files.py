"""Ids in files of every form are found by the command under the text they are written in."""

import pathlib
import tempfile

import pytest
from hypothesis import HealthCheck, assume, given, settings

from tests.cli.test_recommend_ids import Asked, ask
from tests.data.reading.forms import FORMS, IDS, fits
from tfrec_recall.data import Interactions


@pytest.mark.parametrize("form", FORMS)
@given(ids=IDS)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ids_are_found(form, ids, monkeypatch, capsys):
    assume(fits(form, ids))
    with tempfile.TemporaryDirectory() as place:
        columns = {"user_id": ids, "item_id": ids, "timestamp": [1_600_000_000] * len(ids)}
        FORMS[form](pathlib.Path(place), columns)
        held = Interactions.from_folder(place).events["item_id"].tolist()
        items = ask(monkeypatch, Asked(held), *(f"--item={one}" for one in ids))
        users = ask(monkeypatch, Asked(held, place), *(f"--user={one}" for one in ids))
    assert [str(one) for one in items[0]] == [str(one) for one in ids]
    assert [str(one) for history in users for one in history] == [str(one) for one in ids]
    assert "ot in" not in capsys.readouterr().err
