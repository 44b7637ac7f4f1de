"""Each example runs to its end, one epoch on a slice of its data, and prints something to look at.

That is `make programs`.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest
import tensorflow as tf

from tests.small_data import for_small, is_quick_eagerly, small
from tfrec_recall.data import datasets

MARKETS = {"airbnb_listing"}  # of a marketplace there is no free log: theirs is made up
EXAMPLES = sorted((pathlib.Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


def test_all_but_the_market_are_on_real_data():
    named = {
        path.stem: re.findall(r'datasets\.load\("([\w-]+)"', path.read_text("utf-8"))
        for path in EXAMPLES
    }
    assert {stem for stem, names in named.items() if "simulated" in names or not names} == MARKETS


@pytest.mark.programs
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs(example, tmp_path, monkeypatch, capsys):
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load", small)
    monkeypatch.setattr("sys.argv", [str(example), "1"])
    tf.config.run_functions_eagerly(is_quick_eagerly(text))
    try:
        exec(compile(for_small(text), str(example), "exec"), {"__name__": "__main__"})
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(capsys.readouterr().out.splitlines()) > 4


@pytest.mark.programs
def test_the_layers_run_in_a_model_of_keras_3(tmp_path):
    example = EXAMPLES[0].with_name("own_layers.py")
    kept = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, str(example), "1"],
        env={**kept, "PYTHONPATH": str(example.parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("Keras 3\n")
    assert "and may like:" in done.stdout
