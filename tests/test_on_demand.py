"""Packages that import what is asked for: the same names as before, whatever came first."""

import importlib
import subprocess
import sys
import types

import pytest

PACKAGES = ["data", "data.datasets", "retrieval", "evaluation", "export"]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_is_there(name):
    package = importlib.import_module(f"tfrec_recall.{name}")
    assert set(package.__all__) <= set(dir(package))
    for public in package.__all__:
        assert getattr(package, public) is not None
    with pytest.raises(AttributeError, match=f"module 'tfrec_recall.{name}' has no attribute 'no'"):
        package.no  # noqa: B018


@pytest.mark.parametrize(
    "first", ["", "import tfrec_recall.data.sessions, tfrec_recall.data.feeding.passes"]
)
def test_a_function_is_not_hidden_by_its_module(first):
    script = f"""if True:
        {first}
        from tfrec_recall.data import passes, sessions
        import tfrec_recall.data.sessions
        assert tfrec_recall.data.sessions is sessions
        print(callable(sessions) and callable(passes))
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_modules_are_modules():
    assert isinstance(importlib.import_module("tfrec_recall.data"), types.ModuleType)
    from tfrec_recall.data import datasets

    assert isinstance(datasets.movielens, types.ModuleType)
