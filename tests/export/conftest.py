"""Exports of toys, written once: a test that changes files has a copy."""

import shutil

import pytest

from tests.retrieval.toys import retriever
from tfrec_recall.export import export


@pytest.fixture(scope="session")
def of_20(tmp_path_factory):
    return export(retriever(20), tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture(scope="session")
def of_30(tmp_path_factory):
    return export(retriever(30), tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture
def version(of_20, tmp_path):
    """The one version, of 20 items, of a model."""
    return shutil.copytree(of_20, tmp_path / "model" / "1")
