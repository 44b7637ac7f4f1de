"""Pages of the reference: of all packages that say what is public, whose programs may be copied."""

import ast
import importlib
import inspect
import pathlib
import runpy
from types import SimpleNamespace

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
HOOK = runpy.run_path(str(ROOT / "docs" / "hooks" / "reference.py"))
PACKAGES = HOOK["packages"]()
PROGRAMS = {
    name: program for name, module in PACKAGES.items() for program in HOOK["programs"](module)
}


def test_every_package_with_public_names_has_a_page():
    lists = {
        ".".join(path.parent.relative_to(ROOT / "tfrec_recall").parts)
        for path in (ROOT / "tfrec_recall").rglob("*/__init__.py")
        if "\n__all__ = " in path.read_text(encoding="utf-8")
    }
    handed_on = {"data.splits"} | {name for name in lists if name.startswith("models.")}
    assert set(PACKAGES) == lists - handed_on
    assert {"comparison", "advice", "search", "upkeep", "health"} < set(PACKAGES)
    pages = [HOOK["page_of"](name) for name in PACKAGES]
    assert len(set(pages)) == len(pages)


def test_the_navigation_has_all_of_them():
    config = {"nav": [{"Overview": "index.md"}, {"Reference": "reference/index.md"}]}
    overview, reference = HOOK["on_config"](config)["nav"]
    assert overview == {"Overview": "index.md"}
    index, *pages = reference["Reference"]
    assert index == "reference/index.md"
    assert {"data.datasets": "reference/datasets.md"} in pages
    assert len(pages) == len(PACKAGES)
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "\n  - Reference: reference/index.md" in text


def test_a_program_in_a_docstring_is_a_block_of_its_page():
    module = ast.parse('"""What it is.\n\nSo::\n\n    a = 1\n    b = a\n\nAnd on.\n"""')
    assert HOOK["told"](module) == "What it is.\n\nSo:\n\n```python\na = 1\nb = a\n```\n\nAnd on."
    assert HOOK["programs"](module) == ["a = 1\nb = a"]


@pytest.mark.parametrize("package", PROGRAMS)
def test_calls_of_a_docstring_are_those_that_its_package_takes(package):
    module = importlib.import_module(f"tfrec_recall.{package}")
    ours = SimpleNamespace(**{name: getattr(module, name) for name in module.__all__})
    calls = [node for node in ast.walk(ast.parse(PROGRAMS[package])) if isinstance(node, ast.Call)]
    bound = 0
    for call in calls:
        name, *rest = ast.unparse(call.func).split(".")
        if not hasattr(ours, name) or any(not part.isidentifier() for part in rest):
            continue
        called = getattr(ours, name)
        for part in rest:
            called = getattr(called, part)
        keywords = {one.arg: None for one in call.keywords}
        inspect.signature(called).bind(*call.args, **keywords)  # TypeError where it does not
        bound += 1
    assert bound


def test_programs_are_found():
    assert {"advice", "comparison", "evaluation", "health", "search", "upkeep"} <= set(PROGRAMS)
