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

    def in_one_pass(self) -> bool:
        """Whether it learns without steps, which several machines could share."""
        from tfrec_recall.models.one_pass_model import OnePassModel

        return issubclass(self.load(), OnePassModel)


@functools.cache
def entries() -> dict[str, Entry]:
    """The classes in `tfrec_recall.models.__all__` by name: the module's, which has one model.

    >>> entries()["two-tower"].class_name
    'TwoTower'
    """
    public, imported = _read(PACKAGE)
    found = {}
    for class_name in public:
        module = imported.get(class_name, PACKAGE)
        if _path(module).name == "__init__.py":  # a family, which hands its models on
            module = _read(module)[1].get(class_name, PACKAGE)
        if class_name == BASE or module == PACKAGE:
            continue
        name = module.rpartition(".")[2].replace("_", "-")
        found[name] = Entry(name, class_name, module, _summary(_path(module), class_name))
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


def _path(module: str) -> pathlib.Path:
    path = pathlib.Path(tfrec_recall.__file__).parent.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _read(package: str) -> tuple[list[str], dict[str, str]]:
    """A package's public names, and the module of ours that each imported name comes from."""
    public: list[str] = []
    imported: dict[str, str] = {}
    for node in ast.parse(_path(package).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            imported.update({alias.name: str(node.module) for alias in node.names})
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            public = ast.literal_eval(node.value)
    return public, imported


def _summary(path: pathlib.Path, class_name: str) -> str:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
