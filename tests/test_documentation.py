"""The Python of the documentation runs: each page from top to bottom, one epoch on tiny data.

The pages of `OWN` have tests of their own. A block whose fence says `only compiled` is that.
"""

import pathlib
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import OF_WINDOWS
from tfrec_recall import models
from tfrec_recall.data import Interactions, datasets

ROOT = pathlib.Path(__file__).resolve().parents[1]
OWN = {"in_your_own_model.md", "serving.md"}  # tests/test_in_your_own_model.py, tests/cli
BLOCK = re.compile(r"^```(?:python|\{\.python)([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = {
    path.relative_to(ROOT / "docs").as_posix(): BLOCK.findall(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if path.name not in OWN
}
IN_LOOPS = {cls.__name__ for cls in OF_WINDOWS}  # slow one operation at a time
LOADED = datasets.load


def small(name, **options):
    """As many columns as the data set of this name has, and a few hundred events."""
    if name == "simulated":
        return LOADED(name, **{**options, "events": 400, "items": 60})
    generator = np.random.default_rng(0)
    user, item = np.divmod(np.arange(480), 12)
    item = (user % 4) * 15 + (item * 7 + user) % 15
    codes = ["85123A", "71053", "22423", "84879", *(f"code {number}" for number in range(56))]
    events = pd.DataFrame({"user_id": user, "item_id": np.array(codes)[item]})
    prices = generator.uniform(1, 9, 60).round(2)
    items = pd.DataFrame({"item_id": codes, "price": prices})
    users = pd.DataFrame({"user_id": range(40)})
    if name == "online-retail":
        basket = events.groupby("user_id").cumcount() // 3
        events["session_id"] = [f"{u}-{b}" for u, b in zip(user, basket, strict=True)]
        events["timestamp"] = 1_300_000_000 + 86_400 * basket
        items["description"] = [f"{colour} TEAPOT" for colour in ("RED", "BLUE", "PINK")] * 20
        users["country"] = ["United Kingdom", "France"] * 20
    else:
        events["timestamp"] = 890_000_000 + 500 * np.arange(480)
        events["rating"] = 1.0 + generator.integers(0, 5, 480)
        items["genres"] = [["Drama"], ["Drama", "War"], ["Comedy"]] * 20
        users["age"] = generator.integers(18, 60, 40)
    return Interactions(events, users, items, name=name)


@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load", small)
    names: dict[str, object] = {}
    for fence, text in PAGES[page]:
        code = re.sub(r"epochs=\d+", "epochs=1", text)
        program = compile(code, str(ROOT / "docs" / page), "exec")
        if "only compiled" in fence:
            continue
        # Graphs take longer to make than these few steps, but for those with loops.
        tf.config.run_functions_eagerly(not any(f"{name}(" in code for name in IN_LOOPS))
        try:
            exec(program, names)
        finally:
            tf.config.run_functions_eagerly(False)


def test_each_model_has_a_page_with_a_figure_equations_limits_and_a_program():
    missing = []
    for name in models.__all__:
        if name == "RecallModel":
            continue
        pages = [
            path.read_text(encoding="utf-8")
            for path in (ROOT / "docs" / "models").glob("*.md")
            if f"\nmodel: {name}\n" in path.read_text(encoding="utf-8")
        ]
        parts = ["```figure", "## Equations", "## Limits", "```python"]
        missing += [(name, part) for part in parts if sum(part in page for page in pages) != 1]
    assert not missing


def test_what_is_only_compiled_says_so_to_the_reader():
    marked = [(page, fence) for page, found in PAGES.items() for fence, _ in found if fence.strip()]
    assert all("title=" in fence for _, fence in marked), marked
