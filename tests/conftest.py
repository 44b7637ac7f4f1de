"""How the tests run: in quick steps, and distributed so that a model is trained once."""

import os
import re

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

import tests.quick  # noqa: F401  before what uses TensorFlow
from tests import rewriting
from tfrec_recall.retrieval import approximate_index

# Property tests run without a clock: a busy machine is no failure.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

A_CLASS = re.compile(r"(?<=[\[-])(?!True|False|None)[A-Z]\w+(?=[\]-])")  # among a test's parameters
ON_SPARK = "tests/spark/"


class ByModel(LoadScopeScheduling):
    """A process runs a file whole, all contracts of a model, which share its training, or all that
    shares one Spark."""

    def _split_scope(self, nodeid):
        file, _, test = nodeid.partition("::")
        if file.startswith(ON_SPARK):
            return ON_SPARK
        found = A_CLASS.search(test)
        return found[0] if found and file.startswith("tests/contract/") else file


TIMED = ("test_scann_index.py", "test_inverted_file.py")  # with the report of an index


@pytest.fixture(scope="module", autouse=True)
def untimed(request):
    """How long a search takes, which an index reports, nobody asks: it costs two graphs a time."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name not in TIMED:
            patch.setattr(approximate_index, "_milliseconds", lambda search, asked: 1.0)
        yield


def pytest_configure(config):
    """Functions are rewritten in the programs of readers, and beside Keras 3."""
    in_earnest = config.option.markexpr == "programs" or os.environ["TF_USE_LEGACY_KERAS"] == "0"
    rewriting.rewrite(in_earnest)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByModel(config, log)
