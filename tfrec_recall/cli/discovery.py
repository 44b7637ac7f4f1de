"""The models there are, read from the source: their names are needed long before TensorFlow is."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import importlib
import pathlib
from typing import Any

import tfrec_recall

PACKAGE = "tfrec_recall.models"
BASE = "RecallModel"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A model class: its name on the command line, where it is, what its docstring begins with."""

    name: str
    class_name: str
    module: str
    summary: str

    def load(self) -> Any:
        """The class; imports TensorFlow."""
        return getattr(importlib.import_module(PACKAGE), self.class_name)


@functools.cache
def entries() -> dict[str, Entry]:
    """The classes in `tfrec_recall.models.__all__` by name: the module's, which has one model.

    >>> entries()["two-tower"].class_name
    'TwoTower'
    """
    folder = pathlib.Path(tfrec_recall.__file__).parent / "models"
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    public: list[str] = []
    modules: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            modules.update({alias.name: str(node.module) for alias in node.names})
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            public = ast.literal_eval(node.value)
    found = {}
    for class_name in public:
        if class_name == BASE or class_name not in modules:
            continue
        file = modules[class_name].rpartition(".")[2]
        summary = _summary(folder / f"{file}.py", class_name)
        name = file.replace("_", "-")
        found[name] = Entry(name, class_name, modules[class_name], summary)
    return dict(sorted(found.items()))


def entry(name: str) -> Entry:
    """The model of this name.

    Raises: ValueError that lists the names there are, and the one that was probably meant.
    """
    if name not in entries():
        close = difflib.get_close_matches(name, entries(), n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ValueError(f"Models are {', '.join(entries())}.{hint} Received: {name!r}.")
    return entries()[name]


def _summary(path: pathlib.Path, class_name: str) -> str:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
