"""A delta and the old version make the new one, byte for byte, and the same lists."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import printed
from tests.operations.test_reindex import ASKED, ITEMS, NEW, assert_same, over
from tfrec_recall.export import export, load
from tfrec_recall.export.versions import versions
from tfrec_recall.operations import apply_delta, delta_files, write_delta
from tfrec_recall.operations.delta_files import read_new_rows, read_source, write_rows
from tfrec_recall.operations.row_sources import row_sources


def sums(version):
    """Every file of a version with the sum of its bytes."""
    files = (path for path in version.rglob("*") if path.is_file())
    return {
        str(path.relative_to(version)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return export(over(ITEMS), tmp_path_factory.mktemp("old") / "m", items=ITEMS, warmup=ASKED)


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    return export(over(NEW), tmp_path_factory.mktemp("new") / "m", items=NEW, warmup=ASKED)


@pytest.fixture(scope="module")
def delta(old, new, tmp_path_factory):
    return write_delta(old, new, tmp_path_factory.mktemp("delta") / "d")


def test_the_old_version_and_the_delta_are_the_new_version(old, new, delta, tmp_path):
    made = apply_delta(old, delta.folder, tmp_path / "served")
    assert made == tmp_path / "served" / "1"
    assert sums(made) == sums(new)
    assert_same(load(made), load(new))
    beside = apply_delta(shutil.copytree(old.parent, tmp_path / "m"), delta.folder)
    assert (beside, sums(beside)) == (tmp_path / "m" / "2", sums(new))


def test_items_and_vectors_that_changed_are_told_for_tables_elsewhere(delta):
    assert delta.items == {"added": 2, "removed": 2, "changed": 1}
    told = pd.read_parquet(delta.folder / "items.parquet").set_index("item_id")
    assert told["change"].to_dict() == {
        **{"n1": "added", "n2": "added", "i0": "removed", "i1": "removed", "i4": "changed"}
    }
    before = dict(zip(*vectors(ITEMS), strict=True))
    for item, row in told.iterrows():
        if row["change"] == "removed":
            assert not isinstance(row["vector"], np.ndarray)
            del before[item]
        else:
            before[item] = row["vector"]
    for item, vector in zip(*vectors(NEW), strict=True):
        np.testing.assert_allclose(before.pop(item), vector)
    assert not before


def vectors(items):
    ids = items["item_id"].to_numpy()
    made = over(items)
    return ids, made.embed_item({"item_id": ids}).numpy()


def test_rows_are_known_again_wherever_they_are():
    generator = np.random.default_rng(0)
    before = generator.normal(size=(300, 5)).astype("float32")
    order = generator.permutation(300)[:250]
    now = np.concatenate([before[order], generator.normal(size=(7, 5)).astype("float32")])
    now[3, 4] = np.nextafter(now[3, 4], np.float32(9))  # the last digit counts
    source = row_sources(before, now)
    expected = np.concatenate([order, np.full(7, -1)])
    expected[3] = -1
    np.testing.assert_array_equal(source, expected)
    twice = np.array([[1], [1], [2]])
    assert row_sources(twice, twice).tolist() == [0, 1, 2]  # where it was before elsewhere
    texts = np.array([b"a", b"b\0", b""], object)
    assert row_sources(texts, np.array([b"b\0", b"b", b""], object)).tolist() == [1, -1, 2]
    assert row_sources(before, now[:, :4]).tolist() == [-1] * 257
    negative = np.array([[0.0], [-0.0]], "float32")  # the same number, and other bytes
    assert row_sources(negative[:1], negative).tolist() == [0, -1]


@pytest.mark.parametrize(
    "value",
    [
        np.arange(12, dtype="float32").reshape(3, 2, 2),
        np.array([b"x\0", b""], object),
        np.array([], "int32"),
        np.array([True, False]),
    ],
)
def test_new_rows_are_written_as_they_are(value, tmp_path):
    source = np.full(len(value), -1, np.int32)
    write_rows(tmp_path / "0.parquet", source, value)
    read = read_new_rows(tmp_path / "0.parquet", value.dtype.str.lstrip("|"), value.shape[1:])
    assert (read.dtype, read.shape) == (value.dtype, value.shape)
    assert (read == value).all()
    np.testing.assert_array_equal(read_source(tmp_path / "0.parquet"), source)


def test_a_delta_that_does_not_fit_or_is_damaged_makes_no_version(old, new, delta, tmp_path):
    with pytest.raises(ValueError, match=r"goes on from the version .*, which was number 1"):
        apply_delta(new, delta.folder, tmp_path / "served")
    broken = shutil.copytree(delta.folder, tmp_path / "broken")
    manifest = json.loads((broken / "manifest.json").read_text())
    manifest["files"][0]["sha256"] = "0"
    (broken / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="1 files differ"):
        apply_delta(old, broken, tmp_path / "served")
    manifest["files"][0]["path"] = "../there"
    (broken / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="files of a version alone"):
        apply_delta(old, broken, tmp_path / "served")
    (broken / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(ValueError, match=r"deltas of format 1\. Received: 2"):
        apply_delta(old, broken, tmp_path / "served")
    assert not list((tmp_path / "served").glob("[0-9]*"))
    for out in (old.parent / "9", new / "delta"):
        with pytest.raises(ValueError, match=r"out \(--out\) goes into a folder of its own"):
            write_delta(old, new, out)
    with pytest.raises(ValueError, match="takes no other one into itself"):
        apply_delta(old, delta.folder, new.parent / "9")
    with pytest.raises(FileExistsError, match="written to a new folder"):
        write_delta(old, new, delta.folder)


def test_a_damaged_file_of_a_delta_is_named_before_anything_is_made(old, delta, tmp_path):
    parts = [path for path in delta.folder.rglob("*") if path.is_file()]
    assert {"items.parquet", "manifest.json"} < {path.name for path in parts}
    for number, part in enumerate(parts):
        if part.name == "manifest.json":
            continue
        name, raw = part.relative_to(delta.folder), part.read_bytes()
        broken = shutil.copytree(delta.folder, tmp_path / str(number))
        for damaged in (raw[:-1], bytes([raw[0] ^ 1]) + raw[1:], None):
            (broken / name).unlink() if damaged is None else (broken / name).write_bytes(damaged)
            with pytest.raises(ValueError, match=rf"fetch it again. Received: \S*{name}, "):
                apply_delta(old, broken, tmp_path / "served")
    assert not (tmp_path / "served").exists()


def test_deltas_of_earlier_versions_are_applied(old, new, delta, tmp_path):
    earlier = shutil.copytree(delta.folder, tmp_path / "earlier")
    manifest = json.loads((earlier / "manifest.json").read_text())
    assert {one["path"] for one in manifest.pop("parts")} > {"items.parquet"}
    (earlier / "manifest.json").write_text(json.dumps(manifest))
    assert sums(apply_delta(old, earlier, tmp_path / "served")) == sums(new)
    del manifest["tensors"]
    (earlier / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"Received: .*manifest.json without tensors"):
        apply_delta(old, earlier, tmp_path / "served")


def test_what_was_written_meanwhile_is_not_passed_over(old, delta, tmp_path, monkeypatch):
    place, write = shutil.copytree(old.parent, tmp_path / "m"), delta_files.write_variables

    def meanwhile(*given):
        shutil.copytree(old, place / "2")
        write(*given)

    monkeypatch.setattr(delta_files, "write_variables", meanwhile)
    with pytest.raises(ValueError, match="Version 2 was written while this delta was applied"):
        apply_delta(place, delta.folder)
    assert versions(place) == [1, 2]


def test_the_command_writes_and_applies(old, new, tmp_path, capsys):
    said = printed("delta", capsys, old, new, "--out", tmp_path / "d")
    assert "Items: 2 added, 2 removed, 1 changed." in said.out
    place = ["--to", tmp_path / "served", "--json", tmp_path / "made.json"]
    printed("delta", capsys, old, "--apply", tmp_path / "d", *place)
    made = json.loads((tmp_path / "made.json").read_text())["export"]
    assert made == str(tmp_path / "served" / "1")
    assert "either OLD NEW" in printed("delta", capsys, old, new, code=2).err
    wrong = [old, new, "--apply", tmp_path / "d"]
    assert "leave NEW" in printed("delta", capsys, *wrong, code=2).err
