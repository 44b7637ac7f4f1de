"""A benchmark with its own split and its own candidates, through the command line."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.untraced import validation_without_graphs
from tfrec_recall.cli.application import main
from tfrec_recall.models import NeuralCF

pytestmark = pytest.mark.usefixtures("only_its_own")

USERS, ITEMS, CANDIDATES = 40, 160, 30
SETTINGS = {"epochs": 6, "batch_size": 64, "learning_rate": 0.02, "dim": 8, "patience": 6}


def run(*arguments):
    with pytest.raises(SystemExit) as raised:
        main([str(argument) for argument in arguments])
    assert raised.value.code == 0


def benchmark(path, suffix, validation, timestamps):
    """Users like items of their own parity; candidates are the target and items of the other."""
    random = np.random.default_rng(8)
    rows, candidates = [], []
    for user in range(USERS):
        own = 2 * random.permutation(ITEMS // 2)[:22] + user % 2
        parts = ["test", *["validation"] * validation]
        for place, item in enumerate(own):
            part = parts[place] if place < len(parts) else "train"
            rows.append((user, item, part, 1_000_000_000 - 60 * place))
        others = 2 * random.permutation(ITEMS // 2)[: CANDIDATES - 1] + (user + 1) % 2
        candidates += [(user, item) for item in [own[0], *others]]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "split", "timestamp"])
    events = events.sample(frac=1, random_state=2)
    if not timestamps:
        events = events.drop(columns="timestamp")
    chosen = pd.DataFrame(candidates, columns=["user_id", "item_id"])
    write = {".csv": "to_csv", ".parquet": "to_parquet"}[suffix]
    for name, table in (("data/events", events), ("candidates", chosen)):
        file = (path / name).with_suffix(suffix)
        file.parent.mkdir(exist_ok=True)
        getattr(table, write)(file, index=False)


@pytest.mark.parametrize(
    ("suffix", "validation", "timestamps"), [(".csv", False, True), (".parquet", True, False)]
)
def test_neural_cf_learns_a_published_split(
    suffix, validation, timestamps, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(NeuralCF, "compiles", False)  # XLA takes longer than the few steps
    benchmark(tmp_path, suffix, validation, timestamps)
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS))
    with validation_without_graphs():
        run(
            "train", "neural-cf", "--data", tmp_path / "data",
            "--settings", tmp_path / "settings.json", "--export", tmp_path / "export",
        )  # fmt: skip
    shown = capsys.readouterr().err
    assert ("held back" in shown) != validation
    run(
        "evaluate", tmp_path / "export", "--candidates", tmp_path / f"candidates{suffix}",
        "--k", 10, "--json", tmp_path / "figures.json",
    )  # fmt: skip
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["split"] == "given"
    assert figures["metrics"]["users"] == USERS
    assert figures["metrics"]["hit_rate@10"] > 0.75  # by chance 1/3
    assert figures["metrics"]["ndcg@10"] > 0.5
