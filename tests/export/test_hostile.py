"""Full disks and killed exports: the earlier version stays whole, no later one is half there."""

import errno
import functools
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.retrieval.toys import retriever, texts
from tfrec_recall.export import export, load, saving
from tfrec_recall.export.versions import versions

QUERY = {"history": [["item 3", "item 8"]]}


@pytest.fixture
def path(version):
    """A directory with one whole version."""
    return version.parent


@functools.cache
def expected():
    return texts(retriever(20)(QUERY)[0])


def assert_untouched(path):
    assert os.listdir(path) == ["1"]
    assert texts(load(path)(QUERY)[0]) == expected()


@pytest.mark.parametrize("bytes_that_fit", [200, 20_000, 200_000])
def test_a_full_disk(path, bytes_that_fit):
    """A limit on the size of files fails in the C++ that writes, as a full disk does."""
    large = retriever(3000)  # about 300 kB of graph, and as much of variables
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_that_fit, hard))
    try:
        with pytest.raises(OSError, match=rf"cannot export to {path}: .*versions \[1\] are as"):
            export(large, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_untouched(path)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
    ids=["python", "tensorflow"],
)
def test_a_disk_that_fills_at_the_end(path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(saving, "write_warmup", fail)
    with pytest.raises(OSError, match=r"No space left.*versions \[1\] are as they were"):
        export(retriever(30), path)
    assert_untouched(path)


def test_a_kill_in_the_middle(path):
    script = f"""
        from tests.retrieval.toys import retriever
        from tfrec_recall.export import export

        large = retriever(3000)
        while True:
            export(large, {str(path)!r})
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)]) as process:
        deadline = time.monotonic() + 120
        while not any(path.glob(".incoming-*/variables/*")) and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert any(path.glob(".incoming-*"))
    for number in versions(path):
        assert np.isfinite(load(path / str(number))(QUERY)[1]).all()
    assert texts(load(path / "1")(QUERY)[0]) == expected()

    export(retriever(20), path)
    assert not any(path.glob(".incoming-*"))
