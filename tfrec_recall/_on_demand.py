"""Packages whose public names are imported when they are first asked for.

Which module a name is from is written once, as imports that type checkers and readers follow:

    if TYPE_CHECKING:
        from tfrec_recall.data.vocabulary import Vocabulary
    else:
        on_demand(__name__)

Then `--help` needs no TensorFlow, and asking an export for a list needs no training code. Python's
own lazy imports (PEP 810) do the same from 3.15 on.
"""

from __future__ import annotations

import ast
import importlib
import sys
import types
from pathlib import Path
from typing import Any


def on_demand(package: str) -> None:
    """Makes the package import what its `if TYPE_CHECKING:` lists, name by name, on first use."""
    module = sys.modules[package]
    module.__class__ = _OnDemand
    module.__dict__["_homes"] = _homes(Path(str(module.__file__)))


class _OnDemand(types.ModuleType):
    _homes: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        home = self.__dict__.get("_homes", {}).get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if home == self.__name__:  # a module of its own
            return importlib.import_module(f"{home}.{name}")
        value = getattr(importlib.import_module(home), name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # A submodule that is imported becomes an attribute; where it is named after what is public
        # in it, as `data.sessions`, that stays what the name stands for.
        if isinstance(value, types.ModuleType) and self._homes.get(name) == value.__name__:
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._homes})


def _homes(path: Path) -> dict[str, str]:
    """The module that each name is imported from under `if TYPE_CHECKING:`."""
    return {
        alias.name: str(node.module)
        for block in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
