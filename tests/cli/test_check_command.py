"""`check`: an export is held to what it answered when it was written."""

import functools
import json
import shutil

import numpy as np
import pytest

from tests.cli.conftest import printed
from tfrec_recall.operations.agreement import agreement

check = functools.partial(printed, "check")


def test_an_export_is_as_it_was_written(exported, capsys):
    said = check(capsys, exported, "--batches", "1,3", "--requests", 5, "--json", "-")
    found = json.loads(said.out)
    assert found["problems"] == []
    assert [one["batch"] for one in found["latency"]] == [1, 3]
    assert set(found["latency"][0]["milliseconds"]) == {"p50", "p90", "p99"}
    shares = {one["signature"]: one["share"] for one in found["answers"]}
    assert {*shares} >= {"serving_default", "recommend_where", "embed_query", "similar_items"}
    assert {*shares.values()} == {1.0}
    assert "As it was written." in said.err


def test_other_answers_fail_and_say_how_many(exported, tmp_path, capsys):
    shutil.copytree(exported / "1", tmp_path / "1")
    path = tmp_path / "1" / "assets.extra" / "expected_answers.json"
    answers = json.loads(path.read_text())
    answers[0]["outputs"]["item_id"]["values"][:2] = ["s98", "s99"]
    path.write_text(json.dumps(answers))
    said = check(capsys, tmp_path, "--requests", 1, "--batches", "1", code=3)
    assert "serving_default: 93.1% of what was expected is found" in said.err  # 27 of 29 items
    path.unlink()
    said = check(capsys, tmp_path, "--requests", 1, "--batches", "1", code=3)
    assert "nothing to compare with" in said.err
    path.write_text("{")
    assert "is damaged" in check(capsys, tmp_path, code=1).err


def test_tables_that_were_cut_are_found(exported, tmp_path, capsys):
    shutil.copytree(exported / "1", tmp_path / "1")
    path = tmp_path / "1" / "assets.extra" / "items.parquet"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    said = check(capsys, tmp_path, "--requests", 1, "--batches", "1", code=3)
    assert "assets.extra/items.parquet cannot be read" in " ".join(said.err.split())


@pytest.mark.parametrize("damage", [lambda raw: raw[:-20], lambda raw: raw[:40] + b"!" + raw[41:]])
def test_damaged_warm_up_requests_are_named(damage, exported, tmp_path, capsys):
    shutil.copytree(exported / "1", tmp_path / "1")
    path = tmp_path / "1" / "assets.extra" / "tf_serving_warmup_requests"
    path.write_bytes(damage(path.read_bytes()))
    said = "".join(check(capsys, tmp_path, code=1).err.split())
    assert f"copy{path}again" in said
    assert "faultoftfrec-recall" not in said


LISTS = {
    "item_id": np.array([["a", "b", "c", ""]], dtype=object),
    "score": np.array([[4.0, 2.0, 1.0, -np.inf]]),
}


@pytest.mark.parametrize(
    ("items", "scores", "share", "difference"),
    [
        (["a", "b", "c", ""], [4.0, 2.0, 1.0, -np.inf], 1.0, 0.0),
        (["a", "b", "d", ""], [4.0, 2.0, 1.0, -np.inf], 1.0, 0.0),  # as good as c
        (["a", "b", "d", ""], [4.0, 2.0, 0.5, -np.inf], 2 / 3, 0.0),  # c was better
        (["a", "b", "", ""], [4.0, 2.0, -np.inf, -np.inf], 2 / 3, 0.0),
        (["b", "a", "c", ""], [4.0, 2.0, 1.0, -np.inf], 1 / 3, 0.5),
        (["a", "b", "c", ""], [4.0004, 2.0, 1.0, -np.inf], 1.0, 1e-4),
        (["a", "b", "c", "d"], [4.0, 2.0, 1.0, 0.9], 1.0, 0.0),
        (["a", "b", "d", ""], [4.0, 2.0, 1.0004, -np.inf], 1.0, 1e-4),
        (["x", "a", "b", ""], [100.0, 4.0, 2.0, -np.inf], 2 / 3, 99 / 4),  # nobody expected x
        (["x", "y", "z", ""], [9.0, 8.0, 7.0, -np.inf], 0.0, 2.0),
        (["x", "a", "b", "c"], [3.0, 4.0, 2.0, 1.0], 2 / 3, 0.5),  # all others are there
    ],
)
def test_ties_and_rounding_are_allowed_for(items, scores, share, difference):
    found = {"item_id": np.array([items], dtype=object), "score": np.array([scores])}
    result = agreement("serving_default", LISTS, found, tolerance=2e-4)
    assert result.share == pytest.approx(share)
    assert result.difference == pytest.approx(difference, abs=1e-9)


def test_numbers_are_compared_by_place():
    expected = {"query": np.array([[1.0, 2.0], [0.0, np.nan]], "float32")}
    found = {"query": np.array([[1.0, 2.5], [0.0, np.nan]], "float32")}
    result = agreement("embed_query", expected, found, tolerance=1e-4)
    assert (result.share, result.difference) == (0.75, 0.25)
    with pytest.raises(ValueError, match=r"give float32 \[2, 2\] as 'query'. Received: nothing"):
        agreement("embed_query", expected, {}, tolerance=1e-4)
