"""The README's Python runs as it is written, with one epoch instead of several.

That is `make programs`.
"""

import pathlib
import re

import pytest

pytestmark = pytest.mark.programs
README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    first, *further = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    statements = [line for line in first.splitlines() if line.strip()]
    assert len(statements) <= 25
    first, replaced = re.subn(r"epochs=\d+", "epochs=1", first)
    assert replaced == 1
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(first, str(README), "exec"), names)
    assert names["item_id"].shape == (1, 5)
    assert (tmp_path / "saved_models" / "two_tower" / "1" / "saved_model.pb").exists()
    saved, chosen = further
    exec(compile(saved, str(README), "exec"), names)
    exec(compile(chosen, str(README), "exec"), names)
    price = names["data"].items.set_index("item_id")["price"]
    assert (price[[item.decode() for item in names["item_id"].numpy()[0]]] <= 9.5).all()
