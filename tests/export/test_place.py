"""A place is refused before the work for it, if nothing can be written or read back there."""

import os

import pytest

from tests.retrieval.toys import retriever
from tfrec_recall.export import export, load
from tfrec_recall.export.place import check, refuse_among_versions, refuse_in_version


@pytest.mark.parametrize("name", ["a [v2]", "a*", "what?", "back\\slash"])
def test_a_pattern_is_refused(name, tmp_path, monkeypatch):
    for refuse in (check, lambda path: export(retriever(5), path)):
        with pytest.raises(ValueError, match=r"for a pattern .*Received: "):
            refuse(tmp_path / name / "model")
    assert os.listdir(tmp_path) == []
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    with pytest.raises(ValueError, match=r"for a pattern"):  # it is there for others too
        check("model")
    (tmp_path / name / "1").mkdir()
    (tmp_path / name / "1" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match=r"for a pattern"):
        load(tmp_path / name)


def test_other_signs_are_no_pattern(tmp_path):
    path = tmp_path / "a ] {b} ! ü"
    check(path)
    export(retriever(5), path)
    assert len(load(path).item_ids) == 5


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(NotADirectoryError, match=rf"cannot export to {path}: there is a file"):
            check(path)
    with pytest.raises(OSError, match=r"cannot export to /proc/nowhere"):
        check("/proc/nowhere/model")
    check(tmp_path / "new" / "model")
    assert os.listdir(tmp_path) == ["file"]  # nothing is made


def a_version(folder):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def test_a_version_is_no_directory_of_versions(tmp_path):
    version = a_version(tmp_path / "shop" / "1")
    for wrong in (version, version / "more", tmp_path / "shop" / "9"):
        for refuse in (check, lambda path: export(retriever(5), path)):
            with pytest.raises(ValueError, match=r"takes no other one into itself.* Received: "):
                refuse(wrong)
    for right in (tmp_path / "shop", tmp_path / "shop" / "other", tmp_path / "9"):
        check(right)


def test_folders_of_answers_lie_outside_of_exports(tmp_path, monkeypatch):
    version = a_version(tmp_path / "shop" / "1")
    (tmp_path / "link").symlink_to(tmp_path / "shop")
    monkeypatch.chdir(tmp_path)
    for wrong in ("shop", "shop/9", "shop/answers/of/today", "link/9", version / "9"):
        with pytest.raises(ValueError, match=rf"--out goes into .* Received: {wrong}, in the expo"):
            refuse_among_versions(wrong, "--out")
    refuse_among_versions("answers/9", "--out")
    for wrong in (version / "card.json", "link/1/assets.extra/card.json"):
        with pytest.raises(ValueError, match=rf"--json is a file outside .* Received: {wrong}, in"):
            refuse_in_version(wrong, "--json")
    refuse_in_version("shop/card.json", "--json")
