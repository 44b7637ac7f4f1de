"""Versions come, break and go while requests are at work."""

import gc
import shutil
import threading
import weakref

import pytest

from tfrec_recall.serving import versions
from tfrec_recall.serving.refusal import Refusal
from tfrec_recall.serving.versions import Versions

pytestmark = pytest.mark.usefixtures("only_its_own")

ALIVE = weakref.WeakSet()


class Loaded:
    """Stands for a model: loads unless its file says otherwise."""

    def __init__(self, folder):
        self.text = (folder / "saved_model.pb").read_text()
        if self.text == "broken":
            raise ValueError(f"{folder} is broken.")
        self.itself = self  # in a circle, as a SavedModel
        ALIVE.add(self)


def alive():
    return {one.text for one in ALIVE}


class Shop:
    """A folder of versions, what serves of it, and what was told."""

    def __init__(self, path):
        self.path, self.told = path, []
        self.write(1, "one")
        self.versions = Versions(path, tell=self.told.append, load=Loaded)

    def write(self, number, text):
        folder = self.path / ".draft"
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text(text)
        folder.rename(self.path / str(number))

    def remove(self, number):
        shutil.rmtree(self.path / str(number))

    def served(self):
        with self.versions.using("shop") as service:
            return service.servable.text

    def states(self):
        return {n: one.state for n, one in self.versions.statuses("shop").items()}


@pytest.fixture
def shop(tmp_path):
    gc.collect()  # what other tests have left
    return Shop(tmp_path / "shop")


def test_requests_end_on_the_version_that_they_began_with(shop):
    with shop.versions.using("shop") as service:
        shop.write(2, "two")
        shop.versions.look()
        assert shop.served() == "two"
        assert shop.states() == {2: "AVAILABLE", 1: "UNLOADING"}
        assert service.servable.text == "one"
    assert shop.states() == {2: "AVAILABLE", 1: "END"}
    del service
    shop.versions.look()
    assert alive() == {"two"}
    assert shop.told == ["shop 1 serves.", "shop 2 serves, and 1 is let go."]


def test_a_new_version_is_loaded_before_the_old_one_is_let_go(shop):
    seen = []

    def load(folder):
        seen.append((alive(), shop.states()))
        return Loaded(folder)

    shop.versions._load = load
    shop.write(2, "two")
    shop.versions.look()
    assert seen == [({"one"}, {2: "LOADING", 1: "AVAILABLE"})]
    assert alive() == {"two"}


def test_memory_is_given_back_when_a_version_is_gone(shop, monkeypatch):
    found = []
    monkeypatch.setattr(versions, "_give_back", lambda: found.append(alive()))
    shop.write(2, "two")
    shop.versions.look()
    shop.versions.look()
    assert found == [{"two"}]


def test_the_highest_number_serves(shop):
    shop.write(10, "ten")
    shop.write(9, "nine")
    shop.versions.look()
    assert shop.served() == "ten"


def test_a_broken_version_is_told_once_and_the_old_one_serves(shop):
    shop.write(2, "broken")
    for _ in range(3):
        shop.versions.look()
    assert shop.served() == "one"
    status = shop.versions.statuses("shop", 2)[2]
    assert (status.state, status.error_code) == ("END", "UNKNOWN")
    assert "2 is broken." in status.error_message
    assert len(shop.told) == 2
    assert shop.told[1].startswith("shop 2 does not load; 1 serves. ")

    (shop.path / "2" / "saved_model.pb").write_text("mended")
    shop.versions.look()
    assert shop.served() == "one"  # it may still be being written
    shop.versions.look()
    assert shop.served() == "mended"
    assert shop.versions.statuses("shop", 2)[2].error_code == "OK"


def test_removing_versions_goes_back_and_ends(shop):
    shop.write(2, "two")
    shop.versions.look()
    shop.remove(2)
    shop.versions.look()
    assert shop.served() == "one"
    assert shop.states() == {2: "END", 1: "AVAILABLE"}
    shop.remove(1)
    shop.versions.look()
    with pytest.raises(Refusal, match=r"Servable not found for request: Latest\(shop\)"):
        shop.served()
    shop.write(3, "three")
    shop.versions.look()
    assert shop.served() == "three"


def test_what_serves_goes_on_while_the_directory_is_away(shop):
    away = shop.path.with_name("away")
    shop.path.rename(away)
    with pytest.raises(FileNotFoundError, match=r"There is no directory .*shop\."):
        shop.versions.look()
    assert shop.served() == "one"
    away.rename(shop.path)
    shop.write(2, "two")
    shop.versions.look()
    assert shop.served() == "two"
    assert shop.told == ["shop 1 serves.", "shop 2 serves, and 1 is let go."]


def test_one_version_alone_goes_on_while_its_directory_is_away_and_ends_when_removed(shop):
    alone = Versions(shop.path / "1", load=Loaded)
    away = shop.path.with_name("away")
    shop.path.rename(away)
    with pytest.raises(FileNotFoundError, match=r"There is no directory .*shop\."):
        alone.look()
    away.rename(shop.path)
    shop.remove(1)
    with alone.using("shop"):
        pass
    alone.look()
    with pytest.raises(Refusal, match="Servable not found"), alone.using("shop"):
        pass


def test_a_directory_that_is_away_is_told_once(shop):
    told, twice = [], threading.Event()
    shop.versions._tell = told.append
    look, looks = shop.versions.look, []

    def counted():
        looks.append(None)
        if len(looks) > 2:
            twice.set()
        look()

    shop.versions.look = counted
    shop.path.rename(shop.path.with_name("away"))
    shop.versions.watch(0.01)
    assert twice.wait(10)
    shop.versions.stop()
    (line,) = told
    assert "shop cannot be looked at; what serves goes on. There is no directory" in line
    assert shop.served() == "one"


def test_a_version_that_is_replaced_is_loaded_again(shop):
    shop.remove(1)
    shop.write(1, "another")
    shop.versions.look()
    assert shop.served() == "another"
    assert shop.states() == {1: "AVAILABLE"}


def test_what_is_not_there_is_refused(shop):
    with (
        pytest.raises(Refusal, match=r"Servable not found for request: Specific\(shop, 7\)") as one,
        shop.versions.using("shop", 7),
    ):
        pass
    assert one.value.status == 404
    with pytest.raises(Refusal, match="Could not find version 7 of model shop"):
        shop.versions.statuses("shop", 7)
    with pytest.raises(Refusal, match="Could not find any versions of model other"):
        shop.versions.statuses("other")


def test_one_version_serves_alone_by_the_name_of_its_model(shop):
    shop.write(2, "two")
    alone = Versions(shop.path / "1", load=Loaded)
    alone.look()
    assert alone.name == "shop"
    with alone.using("shop", 1) as service:
        assert service.servable.text == "one"
    named = Versions(shop.path, name="other", load=Loaded)
    assert list(named.statuses("other")) == [2]


def test_nothing_to_begin_with(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no export at"):
        Versions(tmp_path, load=Loaded)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_text("broken")
    with pytest.raises(ValueError, match=r"Version 1 does not load\. .* is broken\."):
        Versions(tmp_path, load=Loaded)


def test_changes_are_found_by_watching(shop):
    arrived = threading.Event()
    shop.versions._tell = lambda line: arrived.set()
    shop.versions.watch(0.01)
    shop.write(2, "two")
    assert arrived.wait(10)
    assert shop.served() == "two"
    shop.versions.stop()
