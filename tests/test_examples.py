"""Each example runs to its end, one epoch on tiny data, and prints something to look at.

That is `make programs`.
"""

import pathlib

import pytest
import tensorflow as tf

from tests.small_data import for_small, is_quick_eagerly, small
from tfrec_recall.data import datasets

EXAMPLES = sorted((pathlib.Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


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
