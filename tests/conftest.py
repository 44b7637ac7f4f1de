"""How the tests run: in quick steps, and distributed so that a model is trained once."""

import gc
import re

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

import tests.quick  # noqa: F401  before what uses TensorFlow
from tests.untraced import with_graphs, without_graphs
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


@pytest.fixture(scope="module", autouse=True)
def untimed():
    """How long a search takes, which an index reports, costs two graphs a time; yields what times.

    One test asks it.
    """
    with pytest.MonkeyPatch.context() as patch:
        timing = approximate_index._milliseconds
        patch.setattr(approximate_index, "_milliseconds", lambda search, asked: 1.0)
        yield timing


@pytest.fixture(scope="module")
def only_its_own():
    """The collector looks at nothing that other tests have left: at gigabytes of graphs."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def untraced():
    """In tests of the module functions run an operation at a time."""
    with without_graphs():
        yield


@pytest.fixture
def traced(untraced):
    """In this one test of such a module they are graphs, as what it does takes longer without."""
    with with_graphs():
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByModel(config, log)
