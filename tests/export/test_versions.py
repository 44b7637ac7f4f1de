"""Versions appear whole or not at all, whatever happens to their writers."""

import errno
import os
import pathlib
import signal
import stat
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from tfrec_recall.export import versions as module
from tfrec_recall.export.versions import versions, write_version


def fill(folder):
    (folder / "part").mkdir()
    (folder / "part" / "a").write_text("a")


def visible(path):
    return sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))


def test_versions_count_from_one(tmp_path):
    path = tmp_path / "deep" / "model"
    assert write_version(path, fill) == path / "1"
    assert write_version(str(path), fill) == path / "2"
    assert (path / "2" / "part" / "a").read_text() == "a"
    assert [entry.name for entry in path.iterdir()].count(module.DRAFT) == 0
    assert visible(path) == ["1", "2"]


def test_the_next_version_is_above_the_highest(tmp_path):
    for name in ("3", "10", "notes", "7x"):
        (tmp_path / name).mkdir()
    (tmp_path / "99").write_text("a file is no version")
    assert versions(tmp_path) == [3, 10]
    assert write_version(tmp_path, fill).name == "11"


def test_a_version_is_readable_by_others(tmp_path):
    """TensorFlow Serving runs as another user: the mode is the umask's, not a private 0700."""
    before = os.umask(0o022)
    try:
        version = write_version(tmp_path, fill)
    finally:
        os.umask(before)
    assert stat.S_IMODE(version.stat().st_mode) == 0o755


def test_a_failing_writer_changes_nothing(tmp_path):
    write_version(tmp_path, fill)

    def fail(folder):
        fill(folder)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    message = rf"cannot export to {tmp_path}: No space left.*versions \[1\] are as they were"
    with pytest.raises(OSError, match=message) as caught:
        write_version(tmp_path, fail)
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == ["1"]


def test_an_interrupt_changes_nothing(tmp_path):
    def interrupted(folder):
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_version(tmp_path, interrupted)
    assert os.listdir(tmp_path) == []


def test_a_path_that_is_a_file(tmp_path):
    path = tmp_path / "model"
    path.write_text("mine")
    with pytest.raises(NotADirectoryError, match=r"there is a file of this name; no version"):
        write_version(path, fill)
    with pytest.raises(NotADirectoryError, match=r"cannot export to .*Not a directory"):
        write_version(path / "below", fill)
    assert path.read_text() == "mine"


def test_no_permission(tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(pathlib.Path, "mkdir", refuse)  # the tests may run as root
    with pytest.raises(PermissionError, match=r"cannot export to .*Permission denied"):
        write_version(tmp_path, fill)


def test_a_rename_that_fails_leaves_no_version(tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(pathlib.Path, "rename", refuse)
    with pytest.raises(OSError, match=r"Input/output error; no version was made"):
        write_version(tmp_path, fill)
    assert os.listdir(tmp_path) == []


def test_writers_at_the_same_time_each_get_a_version(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: write_version(tmp_path, fill), range(24)))
    assert sorted(int(version.name) for version in made) == list(range(1, 25))
    assert len(os.listdir(tmp_path)) == 24
    assert all((version / "part" / "a").exists() for version in made)


def test_a_number_that_is_taken_meanwhile_is_passed_over(tmp_path):
    def slow(folder):
        fill(folder)
        write_version(tmp_path, fill)  # another writer is done first

    assert write_version(tmp_path, slow).name == "2"
    assert versions(tmp_path) == [1, 2]


@pytest.fixture
def killed(tmp_path):
    """A path with version 1, and what a writer of version 2 left when it was killed."""
    path = tmp_path / "model"
    write_version(path, fill)
    script = f"""
        import os, signal
        from tfrec_recall.export.versions import write_version

        def half(folder):
            (folder / "saved_model.pb").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

        write_version({str(path)!r}, half)
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert process.returncode == -signal.SIGKILL
    return path


def test_a_killed_writer_leaves_no_version(killed):
    assert visible(killed) == ["1"]
    assert len(os.listdir(killed)) == 2  # the other is its hidden draft


def test_the_next_writer_removes_what_a_killed_one_left(killed):
    assert write_version(killed, fill).name == "2"
    assert sorted(os.listdir(killed)) == ["1", "2"]


def test_a_writer_at_work_is_left_alone(tmp_path):
    def slow(folder):
        fill(folder)
        write_version(tmp_path, fill)
        assert (folder / "part" / "a").exists()

    write_version(tmp_path, slow)
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]
