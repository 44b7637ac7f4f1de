"""`evaluate` on an export gives what the package gives in process."""

import json

import pandas as pd
import pytest

from tests.cli.conftest import RENAME, run
from tfrec_recall.evaluation import evaluate


def test_figures_and_lists_are_those_of_the_package(exported, retriever, split, tmp_path, capsys):
    lists, figures = tmp_path / "new" / "lists.parquet", tmp_path / "figures.json"
    run("evaluate", exported, "--lists", lists, "--json", figures)
    report = evaluate(retriever, split)
    written = json.loads(figures.read_text())
    assert written["metrics"] == pytest.approx(report.metrics)
    assert {
        "model",
        "data",
        "split",
        "seed",
        "train_seconds",
        "examples_per_second",
        "settings",
    } < (set(written))
    assert (written["model"], written["seed"], written["on"]) == ("even", 7, "test")
    assert written["split"] == split.name
    pd.testing.assert_frame_equal(pd.read_parquet(lists), report.lists, check_dtype=False)
    table = capsys.readouterr().out
    assert f"{report.metrics['recall@50']:.4f}" in table
    assert "12 users, 60 targets" in table


def test_data_part_and_length_are_as_asked(exported, retriever, split, folder, tmp_path):
    figures = tmp_path / "figures.json"
    run(
        "evaluate", exported, "--data", folder, *RENAME, "--on", "validation", "--k", 20,
        "--json", figures,
    )  # fmt: skip
    report = evaluate(retriever, split, on="validation", cuts=(10, 20))
    assert json.loads(figures.read_text())["metrics"] == pytest.approx(report.metrics)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_only_the_candidates_are_ranked(suffix, exported, split, tmp_path):
    wanted = split.test.targets.groupby("user_id")["item_id"].first()
    candidates = pd.DataFrame({"user_id": wanted.index, "item_id": wanted.to_numpy()})
    file, figures = tmp_path / f"candidates{suffix}", tmp_path / "figures.json"
    writers = {".csv": candidates.to_csv, ".parquet": candidates.to_parquet}
    writers[suffix](file, index=False)
    run("evaluate", exported, "--k", 10, "--candidates", file, "--json", figures)
    metrics = json.loads(figures.read_text())["metrics"]
    assert metrics["hit_rate@10"] == metrics["mrr@10"] == 1.0
    assert metrics["recall@10"] == pytest.approx(1 / 5)


def test_candidates_may_have_names_that_the_data_has_not(exported, folder, split, tmp_path, capsys):
    wanted = split.test.targets.groupby("user_id")["item_id"].first()
    candidates = pd.DataFrame({"uid": wanted.index, "product": wanted.to_numpy()})
    file, figures = tmp_path / "candidates.csv", tmp_path / "figures.json"
    candidates.to_csv(file, index=False)
    run("evaluate", exported, "--candidates", file, code=1)
    assert "--rename candidates.theirs=user_id" in " ".join(capsys.readouterr().err.split())
    names = ["--rename", "candidates.uid=user_id", "--rename", "candidates.product=item_id"]
    for data in ([], ["--data", folder, *RENAME]):
        run(
            "evaluate", exported, *data, "--k", 10, "--candidates", file, *names, "--json", figures
        )  # fmt: skip
        assert json.loads(figures.read_text())["metrics"]["mrr@10"] == 1.0
    run("evaluate", exported, *names, code=1)
    assert "no table has ['candidates.uid'" in " ".join(capsys.readouterr().err.split())


def test_candidates_of_another_type_are_refused(exported, tmp_path, capsys):
    file = tmp_path / "candidates.parquet"
    pd.DataFrame({"user_id": [1], "item_id": [2]}).to_parquet(file)
    run("evaluate", exported, "--candidates", file, code=1)
    assert "user_id is of the data's type, str. Received: int64" in (
        " ".join(capsys.readouterr().err.split())
    )


def test_data_that_the_export_does_not_know_is_refused(exported, tmp_path, capsys):
    events = [(u, f"other {item}", 10**9 + item) for u in "ab" for item in range(12)]
    pd.DataFrame(events, columns=["user_id", "item_id", "timestamp"]).to_csv(
        tmp_path / "events.csv", index=False
    )
    run("evaluate", exported, "--data", tmp_path, code=1)
    assert "no item in common" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "movielens"], "no data set, file or folder of this name"),
        (["--data", "online-retail", "--rename", "a=b"], "--rename is for folders"),
        (["--rename", "visitor"], "--rename takes theirs=ours"),
    ],
)
def test_data_that_is_not_there_is_said(arguments, message, exported, capsys):
    run("evaluate", exported, *arguments, code=1)
    assert message in " ".join(capsys.readouterr().err.split())


def test_an_export_that_is_not_there_is_said(tmp_path, capsys):
    run("evaluate", tmp_path / "nothing", code=1)
    run("evaluate", tmp_path, code=1)
    messages = capsys.readouterr().err
    assert messages.count("There is no export at") == 2
