"""A place is refused before the work for it, if nothing can be written or read back there."""

import os

import pytest

from tests.retrieval.toys import retriever
from tfrec_recall.export import export, load
from tfrec_recall.export.place import check


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
