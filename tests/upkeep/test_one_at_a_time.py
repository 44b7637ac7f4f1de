"""Nothing comes between an update's reading of a version and the next one that it writes."""

import shutil

import pytest

from tests.upkeep.conftest import EVENTS, day
from tfrec_recall.export.versions import versions
from tfrec_recall.upkeep import update, updating
from tfrec_recall.upkeep.state import FOLDER, TrainingState, remove_old


def meanwhile(monkeypatch, name, something):
    """Does something just before an update first calls the function of this name."""
    function = getattr(updating, name)

    def called(*args, **kwargs):
        monkeypatch.setattr(updating, name, function)
        something()
        return function(*args, **kwargs)

    monkeypatch.setattr(updating, name, called)


def test_another_update_is_refused_while_one_goes_on(popular, monkeypatch):
    others = []

    def other():
        with pytest.raises(
            BlockingIOError, match="another process makes the next version"
        ) as raised:
            update(popular, day(2), force=True)
        others.append(raised)

    meanwhile(monkeypatch, "write", other)
    found = update(popular, day(1), force=True)
    assert (found.version, len(others)) == (popular / "2", 1)
    assert TrainingState.of(found.version).size() == 2 * EVENTS


@pytest.mark.parametrize(
    ("step", "states"),
    [("retriever_of", [1]), ("export", [1, 2])],  # a state that no version names is no harm
)
def test_a_version_that_was_written_meanwhile_is_not_passed_over(
    popular, monkeypatch, step, states
):
    def other():
        shutil.copytree(popular / "1", popular / "2", dirs_exist_ok=True)

    with monkeypatch.context() as patch:
        meanwhile(patch, step, other)
        with pytest.raises(ValueError, match=r"Version 2 was written while .* run it again"):
            update(popular, day(1), force=True)
    assert versions(popular) == [1, 2]
    assert versions(popular / FOLDER) == states


def test_a_state_that_no_version_names_yet_stays(popular):
    update(popular, day(1), force=True)
    for number in ("3", "0"):
        shutil.copytree(popular / FOLDER / "1", popular / FOLDER / number)
    remove_old(popular)
    assert versions(popular / FOLDER) == [1, 2, 3]
