"""Commands follow what is said of the measurement, and an export brings it back."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import run, scalars
from tfrec_recall.data import Interactions, random_events_out, rated, ties_in_file_order
from tfrec_recall.evaluation import evaluate_ratings
from tfrec_recall.export import load

USERS, ITEMS = 16, 20
SAID = ["--split", "random:0.25,0.1,seed=2", "--minimum", "4", "--minimum-rating", "0"]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Ratings -1 to 5 by which items please which users, some missing; and a trained export."""
    path = tmp_path_factory.mktemp("rooms")
    random = np.random.default_rng(2)
    rows = [
        (f"u{u}", f"i{i}", 1_600_000_000 + 60 * place, float(random.integers(-1, 6)))
        for u in range(USERS)
        for place, i in enumerate(random.permutation(ITEMS)[: 8 + u % 5])
    ]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "rating"])
    events.loc[::17, "rating"] = np.nan
    (path / "data").mkdir()
    events.to_parquet(path / "data" / "events.parquet")
    (path / "settings.json").write_text('{"epochs": 3, "dim": 4, "batch_size": 64}')
    run(
        "train", "funk-svd", "--data", path / "data", *SAID, "--ties", "file", "--cuts", "5,10",
        "--settings", path / "settings.json", "--index", "exact",
        "--export", path / "export", "--json", path / "trained.json",
        "--tensorboard", path / "board",
    )  # fmt: skip
    return path


def test_training_measures_ratings_and_the_export_remembers_how(rooms):
    data = rated(Interactions.from_folder(rooms / "data"), 0)
    split = random_events_out(ties_in_file_order(data), 0.25, 0.1, seed=2, minimum=4)
    retriever = load(rooms / "export")
    expected = evaluate_ratings(retriever, split).metrics
    trained = json.loads((rooms / "trained.json").read_text())
    assert {name: trained["metrics"][name] for name in expected} == pytest.approx(expected)
    assert {"recall@5", "recall@10"} < set(trained["metrics"])
    assert "recall@50" not in trained["metrics"]
    assert retriever.card["data"]["protocol"] == {
        "split": "random:0.25,0.1,seed=2",
        "minimum": 4,
        "minimum_rating": 0.0,
        "ties": "file",
    }


def test_tensorboard_has_each_epoch_and_a_vector_for_each_item(rooms):
    board = rooms / "board"
    assert len(scalars(board / "train")["epoch_loss"]) == 3
    assert len(scalars(board / "validation")["epoch_rmse"]) == 3
    trained = json.loads((rooms / "trained.json").read_text())["metrics"]
    assert scalars(board / "test")["rmse"] == [pytest.approx(trained["rmse"])]
    assert np.loadtxt(board / "test" / "vectors.tsv", delimiter="\t").shape[0] == ITEMS


def test_evaluate_measures_as_it_was_trained(rooms, capsys):
    run("evaluate", rooms / "export", "--cuts", "5,10", "--json", rooms / "lists.json")
    run("evaluate", rooms / "export", "--ratings", "--json", rooms / "ratings.json")
    shown = capsys.readouterr()
    trained, lists, ratings = (
        json.loads((rooms / f"{name}.json").read_text()) for name in ("trained", "lists", "ratings")
    )
    assert {**lists["metrics"], **ratings["metrics"]} == pytest.approx(trained["metrics"])
    assert lists["split"] == ratings["split"] == trained["split"]
    assert "--split random:0.25,0.1,seed=2 --minimum 4" in " ".join(shown.err.split())
    assert f"{ratings['metrics']['rmse']:.4f}" in shown.out
    assert "another split" not in shown.err


def test_another_split_on_request_is_said_to_be_one(rooms, capsys):
    run("evaluate", rooms / "export", "--split", "last:2", "--json", rooms / "last.json")
    figures = json.loads((rooms / "last.json").read_text())
    assert figures["split"] == "last_events_out(test=2, validation=2)"
    assert "Trained on another split" in " ".join(capsys.readouterr().err.split())


def test_other_events_before_the_same_split_are_said_to_be_another_one(rooms, capsys):
    run("evaluate", rooms / "export", "--minimum-rating", 3, "--cuts", "5")
    told = " ".join(capsys.readouterr().err.split())
    assert "Trained on another split (--split random:0.25,0.1,seed=2 --minimum 4" in told


def test_nothing_is_ranked_where_ratings_are_measured(rooms, capsys):
    run("evaluate", rooms / "export", "--ratings", "--k", 5, code=2)
    assert "nothing is ranked" in " ".join(capsys.readouterr().err.split())


def test_histories_hold_what_counts(rooms, capsys):
    """An event without a rating, or below the minimum, is no history of a model that had none."""
    events = pd.read_parquet(rooms / "data" / "events.parquet")
    mine = events[(events["user_id"] == "u3") & (events["rating"] >= 0)]
    run("recommend", rooms / "export", "--user", "u3", "--k", 3)
    shown = " ".join(capsys.readouterr().out.split())
    latest = "; ".join(mine["item_id"].tail(8))
    assert latest in shown


@pytest.mark.parametrize("way_on", [["--split", "last:1"], ["--minimum", 4]])
def test_users_of_few_events_and_repeats_have_a_way_on(way_on, tmp_path, capsys):
    rows = [(u, i % 3, 1_600_000_000 + i) for u in range(8) for i in range(4)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    (tmp_path / "events.csv").write_text(events.to_csv(index=False))
    run("train", "popular", "--data", tmp_path, code=1)
    assert "--split last:1" in " ".join(capsys.readouterr().err.split())
    run("train", "popular", "--data", tmp_path, *way_on, *(["--no-repeats"]), code=way_on[1] != 4)
    if way_on[1] != 4:  # everybody's last item is the first one again
        assert "--repeats" in " ".join(capsys.readouterr().err.split())
    run("train", "popular", "--data", tmp_path, *way_on, "--repeats")
    assert "with repeats" in " ".join(capsys.readouterr().out.split())
