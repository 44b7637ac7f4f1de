"""Archives are read without unpacking them, and hostile ones not at all."""

import stat
import zipfile

import pytest

from tfrec_recall.data.datasets.archive import files_in


def zipped(path, members, compression=zipfile.ZIP_DEFLATED):
    """A .zip with these members, `{name or ZipInfo: bytes}`."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def contents(path):
    with files_in(path) as files:
        return {name: files[name].open("rb").read() for name in files}


@pytest.mark.parametrize("prefix", ["", "ml-1m/"])
def test_files_are_found_at_the_top_or_in_the_single_folder(tmp_path, prefix):
    members = {f"{prefix}a.dat": b"1", f"{prefix}b.dat": b"22"}
    assert contents(zipped(tmp_path / "a.zip", members)) == {"a.dat": b"1", "b.dat": b"22"}
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    assert contents(tmp_path / "unpacked") == {"a.dat": b"1", "b.dat": b"22"}


def test_what_a_mac_adds_is_overlooked(tmp_path):
    members = {"ml/a.dat": b"1", "__MACOSX/ml/._a.dat": b"junk", ".DS_Store": b"junk"}
    assert contents(zipped(tmp_path / "a.zip", members)) == {"a.dat": b"1"}


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        ("../evil.txt", "leads out"),
        ("ml/../../evil.txt", "leads out"),
        ("ml\\..\\..\\evil.txt", "leads out"),
        ("/etc/evil.txt", "absolute"),
        ("C:/evil.txt", "absolute"),
        ("ml\\evil.txt", "character"),
        (link("ml/u.data"), "link"),
    ],
)
def test_members_that_lead_out_are_refused_and_nothing_is_written(tmp_path, member, fault):
    folder = tmp_path / "inner" / "most"
    folder.mkdir(parents=True)
    path = zipped(folder / "a.zip", {"ml/good.txt": b"1", member: b"/etc/passwd"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=rf"a\.zip is refused, nothing was read: .*{fault}"):
        contents(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"u.data": b"1"})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("u.data", b"2")
    with pytest.raises(ValueError, match=r"'u.data' is there twice"):
        contents(path)


def test_an_encrypted_member_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"u.data": b"1"})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="is encrypted"):
        contents(path)


def test_a_bomb_is_refused_by_its_ratio_and_by_its_size(tmp_path):
    path = zipped(tmp_path / "bomb.zip", {"u.data": bytes(20 * 2**20)})
    assert path.stat().st_size < 2**16
    with pytest.raises(ValueError, match=r"would unpack to 20,971,520 bytes from"):
        contents(path)
    path = zipped(tmp_path / "large.zip", {"u.data": bytes(range(256)) * 10}, zipfile.ZIP_STORED)
    message = r"2,560 bytes from 2,560. Accepted: 2,000 bytes"
    with pytest.raises(ValueError, match=message), files_in(path, limit=2000):
        pass


def test_a_truncated_or_damaged_archive_says_so(tmp_path):
    whole = zipped(tmp_path / "a.zip", {"u.data": bytes(range(256)) * 100}, zipfile.ZIP_STORED)
    content = whole.read_bytes()
    (tmp_path / "short.zip").write_bytes(content[: len(content) // 2])
    (tmp_path / "page.zip").write_bytes(b"<html>404</html>")
    (tmp_path / "flipped.zip").write_bytes(content.replace(bytes(range(256)), bytes(256), 1))
    for name in ("short.zip", "page.zip", "flipped.zip"):
        with pytest.raises(ValueError, match=rf"{name} is no whole .zip archive"):
            contents(tmp_path / name)
