"""`doctor` on a comparison and on an export whose faults were seeded, and on one without any."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import printed
from tests.comparison.made_up import FACTS, result, results
from tests.retrieval.toys import retriever as toy
from tests.untraced import training_without_graphs
from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.commands.compare import write_report
from tfrec_recall.cli.runs.compared_run import made
from tfrec_recall.cli.runs.plan import Plan
from tfrec_recall.comparison import summarised
from tfrec_recall.comparison.runs import Run
from tfrec_recall.data.fingerprint import fingerprint
from tfrec_recall.export import export
from tfrec_recall.models import TwoTower
from tfrec_recall.retrieval import Blend

USERS, ITEMS, GROUPS = 200, 40, 4  # of fewer users nothing is sure
SETTINGS = {
    **{"epochs": 1, "batch_size": 64, "dim": 4, "hidden": [8], "negatives": 8},
    "learning_rate": 0.01,
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Events without times, users with a mood, which says nothing where lists of 50 hold all of 40
    items, and one epoch."""
    generator = np.random.default_rng(4)
    folder = tmp_path_factory.mktemp("moods")
    rows = [
        (f"u{user}", f"i{item}")
        for user in range(USERS)
        for item in generator.permutation(np.arange(user % GROUPS, ITEMS, GROUPS))[:8]
    ]
    pd.DataFrame(rows, columns=["user_id", "item_id"]).to_csv(folder / "events.csv", index=False)
    users = {"user_id": [f"u{user}" for user in range(USERS)]}
    users["mood"] = generator.choice(["good", "bad", "mixed"], USERS)
    pd.DataFrame(users).to_csv(folder / "users.csv", index=False)
    source, settings = Source(str(folder)), {"two-tower": SETTINGS}
    measured = Protocol(split="random:0.2,0.2")
    known = fingerprint(measured.counted(source.load()))
    made_plan = Plan(folder / "report", source, measured, known, settings=settings)
    made_plan.write()
    return made_plan


def test_seeded_faults_of_a_comparison_are_found(plan, capsys):
    split = plan.split()
    with training_without_graphs(TwoTower):
        for run in (Run("popular", 0), Run("two-tower", 0)):
            plan.runs().write(run, made(plan, run, split=split))
    write_report(plan, split, ["popular", "two-tower"])
    capsys.readouterr()
    told = printed("doctor", capsys, plan.folder, "--json", plan.folder / "advice.json")
    advice = json.loads((plan.folder / "advice.json").read_text())["advice"]
    faults = {name: [one["fault"] for one in said] for name, said in advice.items()}
    assert faults == {
        "the data": ["data without times"],
        "two-tower": ["under-trained", "features say nothing"],
        "popular": [],
    }
    silent = advice["two-tower"][1]["figure"]
    assert "users.mood" in silent
    assert "`epochs = 2`" in told.out
    assert "Nothing to say of popular." in told.out
    other = printed("doctor", capsys, plan.folder, "--data", "online-retail", code=1)
    assert "leave --data and the options of the measurement out" in other.err
    other = printed("doctor", capsys, plan.folder, "--items", "items.csv", code=1)
    assert "leave --items and the options of the measurement out" in other.err


def test_what_is_neither_an_export_nor_a_report_is_told_so(tmp_path, capsys):
    told = " ".join(printed("doctor", capsys, tmp_path, code=1).err.split())
    assert "There is no export at" in told
    assert "Nor is there a report: comparison.json, which `compare` writes when it ends." in told


def test_an_export_is_asked_and_its_card_read(retriever, split, folder, tmp_path, capsys):
    epochs = [(5.0, 0.4), (4.0, 0.5), (3.0, 0.4)]
    card = {
        "model": "even",
        "data": str(folder),
        "rename": ["visitor=user_id", "sku=item_id"],
        "settings": {"epochs": 9, "dropout": 0.1},
        "curve": [{"loss": loss, "val_recall@50": value} for loss, value in epochs],
    }
    export(retriever, tmp_path / "even", data=card, items=split.interactions.items)
    told = printed("doctor", capsys, tmp_path / "even")
    assert "even overfits" in told.out
    assert "a larger `dropout` (it is 0.1)" in told.out
    assert told.out.count("even ") == 1  # it shows odd items as well: 30 places for 30 items
    assert "another split" not in told.err
    told = printed("doctor", capsys, tmp_path / "even", "--split", "last:2")
    assert "Trained on another split (the standard one of all events)" in told.err

    healthy = {**card, "curve": [*card["curve"][:2], {"loss": 3.9, "val_recall@50": 0.49}]}
    export(retriever, tmp_path / "even", data=healthy, items=split.interactions.items)
    assert "Nothing to say of even." in printed("doctor", capsys, tmp_path / "even").out

    gone = {**card, "data": str(tmp_path / "gone")}
    export(retriever, tmp_path / "even", data=gone, items=split.interactions.items)
    told = printed("doctor", capsys, tmp_path / "even")
    assert "only what the card tells is looked at" in told.err
    assert "even overfits" in told.out
    schedule = {**gone, "best_epoch": None}
    export(retriever, tmp_path / "even", data=schedule, items=split.interactions.items)
    told = printed("doctor", capsys, tmp_path / "even").out
    assert "the end of the schedule is what was kept" in told


def test_indexes_of_the_channels_of_a_blend_are_looked_at(tmp_path, capsys):
    short = {"kind": "scann", "recall": 0.8, "settings": {"recall": 0.95}}
    near = toy(20)
    near.report["similar_items_index"] = short
    export(Blend({"near": near, "far": toy(20)}, k=5), tmp_path / "blend", data={"model": "blend"})
    told = printed("doctor", capsys, tmp_path / "blend")
    assert "blend index misses its recall" in told.out
    assert "the scann index of near/similar items finds 0.800" in told.out


def test_what_cannot_be_looked_at_is_said(tmp_path, capsys):
    losses = [{"epoch": epoch, "loss": 3.0 - epoch, "seconds": 1.0} for epoch in (1, 2)]
    even, one_pass = {"exposure": [0.25] * 4}, {"epochs": [], "settings": {"alpha": 0.3}}
    runs = results(result("item2vec", epochs=losses, **even), result("item-cf", **one_pass, **even))
    report = tmp_path / "comparison.json"
    report.write_text(json.dumps(summarised(runs, FACTS, ["item2vec", "item-cf"])))
    told = printed("doctor", capsys, report, "--json", tmp_path / "advice.json").out
    assert "Not looked at of item2vec: whether it overfits or is under-trained." in told
    assert "Nothing to say of item-cf." in told
    written = json.loads((tmp_path / "advice.json").read_text())
    assert written["not_looked_at"] == {"item2vec": ["overfits", "under-trained"]}


def test_a_report_without_figures_says_why(tmp_path, capsys):
    failed = result("popular", status="failed", why="no memory")
    report = tmp_path / "comparison.json"
    report.write_text(json.dumps(summarised(results(failed), FACTS, ["popular"])))
    told = " ".join(printed("doctor", capsys, report).err.split())
    assert "has figures. popular: failed: no memory" in told


def test_what_is_neither_is_refused(tmp_path, capsys):
    (tmp_path / "other.json").write_text("{}")
    told = printed("doctor", capsys, tmp_path / "other.json", code=1)
    assert "is not what `compare` wrote" in told.err
    assert "There is no export" in printed("doctor", capsys, tmp_path / "none", code=1).err
