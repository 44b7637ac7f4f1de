"""Where data is looked for."""

import pathlib

import pytest

from tfrec_recall.data.datasets import location


def test_the_variable_is_read_at_the_time_of_the_call(tmp_path, monkeypatch):
    assert location.in_data_folder("some-set") is None
    (tmp_path / "some-set").mkdir()
    monkeypatch.setenv(location.VARIABLE, str(tmp_path))
    assert location.in_data_folder("other", "some-set") == tmp_path / "some-set"
    assert location.in_data_folder("other") is None
    monkeypatch.setenv(location.VARIABLE, "")
    assert location.in_data_folder("some-set") is None


def test_a_variable_that_names_no_folder_is_not_ignored(tmp_path, monkeypatch):
    monkeypatch.setenv(location.VARIABLE, str(tmp_path / "typo"))
    with pytest.raises(FileNotFoundError, match=r"TFREC_RECALL_DATA.*Received: .*typo"):
        location.data_folder()


def test_a_path_that_is_not_there_is_not_replaced_by_another_place(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*nowhere"):
        location.existing(tmp_path / "nowhere")


def test_the_cache_follows_the_xdg_rules(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert location.cache_folder() == tmp_path / "tfrec_recall"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for relative_or_unset in ("some/where", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", relative_or_unset)
        assert location.cache_folder() == pathlib.Path(tmp_path / "home/.cache/tfrec_recall")
