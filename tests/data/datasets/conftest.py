"""Nothing of the machine's own data, cache or network is looked at, unless a test asks for it."""

import os
import pathlib

import pytest

from tfrec_recall.data.datasets import location

DATA = os.environ.get(location.VARIABLE)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> pathlib.Path:
    """The cache folder of this test; TFREC_RECALL_DATA is not set."""
    monkeypatch.delenv(location.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))
    return tmp_path / "cache-home" / "tfrec_recall"


@pytest.fixture
def data_folder(monkeypatch) -> pathlib.Path:
    """The folder of TFREC_RECALL_DATA, for tests that need the published data."""
    if not DATA:
        pytest.skip(f"{location.VARIABLE} is not set")
    monkeypatch.setenv(location.VARIABLE, DATA)
    return pathlib.Path(DATA)
