"""Each example runs to its end, one epoch on tiny data, and prints what its first line promises."""

import pathlib

import pytest
import tensorflow as tf

from tests.contract.model_cases import OF_WINDOWS
from tests.small_data import for_small, small
from tfrec_recall.data import datasets

EXAMPLES = sorted((pathlib.Path(__file__).resolve().parents[1] / "examples").glob("*.py"))
IN_LOOPS = {cls.__name__ for cls in OF_WINDOWS}  # slow one operation at a time


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs(example, tmp_path, monkeypatch, capsys):
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load", small)
    monkeypatch.setattr("sys.argv", [str(example), "1"])
    # Graphs take longer to make than these few steps, but for those with loops.
    tf.config.run_functions_eagerly(not any(f"{name}(" in text for name in IN_LOOPS))
    try:
        exec(compile(for_small(text), str(example), "exec"), {"__name__": "__main__"})
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(capsys.readouterr().out.splitlines()) > 4
