"""How the tests run: in quick steps, and distributed so that a model is trained once."""

import re

import pytest
from xdist.scheduler import LoadScopeScheduling

import tests.quick  # noqa: F401  before what uses TensorFlow

A_CLASS = re.compile(r"(?<=[\[-])(?!True|False|None)[A-Z]\w+(?=[\]-])")  # among a test's parameters
ON_SPARK = "tests/spark/"
WHOLE = "tests/contract/test_saving.py"  # a fixture of its reads all models


class ByModel(LoadScopeScheduling):
    """A process runs a file whole, all contracts of a model, which share its training, or all that
    shares one Spark."""

    def _split_scope(self, nodeid):
        file, _, test = nodeid.partition("::")
        if file.startswith(ON_SPARK):
            return ON_SPARK
        found = A_CLASS.search(test)
        by_model = file.startswith("tests/contract/") and file != WHOLE
        return found[0] if found and by_model else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByModel(config, log)
