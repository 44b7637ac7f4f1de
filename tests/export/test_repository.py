"""The commit that an export is made in."""

import subprocess

from tfrec_recall.export.repository import repository


def git(folder, *arguments):
    name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(
        ["git", "-C", folder, *name, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_commit_and_whether_files_differ_from_it(tmp_path):
    (tmp_path / "plain").mkdir()
    clean, changed = tmp_path / "clean", tmp_path / "changed"
    git(tmp_path, "init", "-q", "clean")
    assert repository(clean / ".git") is None  # no commit yet
    (clean / "train.py").write_text("1")
    git(clean, "add", "train.py")
    git(clean, "commit", "-q", "-m", "First")
    commit = git(clean, "rev-parse", "HEAD")
    git(tmp_path, "clone", "-q", "clean", "changed")
    (changed / "notes").write_text("of no matter")
    (clean / "inner").mkdir()
    assert repository(clean / "inner") == {"commit": commit, "changed": False}
    (changed / "train.py").write_text("2")
    assert repository(changed) == {"commit": commit, "changed": True}


def test_without_a_repository_or_git_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    assert repository(tmp_path / "plain") is None
    monkeypatch.setenv("PATH", "")
    (tmp_path / "other").mkdir()
    assert repository(tmp_path / "other") is None
