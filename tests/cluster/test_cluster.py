"""Several processes learn what one learns, and each knows its part."""

import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.cluster.addresses import free_addresses
from tests.contract.model_cases import BATCH, built, the_board
from tfrec_recall import models
from tfrec_recall.cluster import Cluster
from tfrec_recall.data import last_events_out
from tfrec_recall.evaluation import RecallOnValidation
from tfrec_recall.training import Checkpoints, RunIsOver, is_over

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKERS = {"worker": ["a:1", "b:1"]}
SERVERS = {"chief": ["c:1"], "worker": ["a:1", "b:1"], "ps": ["d:1", "e:1"]}


def environment(machines, job, index):
    task = {"type": job, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": machines, "task": task})}


def started(module, *arguments, **variables):
    """A module of the tests as a process, without what makes small steps quick here."""
    plain = {n: v for n, v in os.environ.items() if n not in ("XLA_FLAGS", "TF_CONFIG")}
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.cluster.{module}", *map(str, arguments)],
        env={**plain, "TF_CPP_MIN_LOG_LEVEL": "3", **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    """What a process has printed on its last line."""
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error[-3000:]
    return json.loads(out.splitlines()[-1])


def test_two_workers_in_step_learn_as_one_and_the_chief_writes(tmp_path):
    machines = {"worker": free_addresses(2)}
    processes = [
        started("worker", tmp_path, 2, **environment(machines, "worker", index)) for index in (0, 1)
    ]
    first, second = map(outcome, processes)
    for one in (first, second):
        assert "is not the same folder to all of them" in one["said"]
        assert one.pop("said").endswith("of the workers in their order, [[2], [0]].")
    assert first == second
    assert 0 < first["recall"][-1] <= 1
    alone = built(models.TwoTower)
    alone.run_eagerly = True  # which learns the same
    data = alone.training_data(the_board(), batch_size=BATCH)
    expected = alone.fit(data, epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(first["loss"], expected, rtol=1e-4)
    assert len(first["vectors"]) == len(the_board().items)
    assert len(list(tmp_path.glob("*.index"))) == 2  # of two epochs, once

    assert is_over(tmp_path)  # so that the chief, were it lost now, goes on without the others
    measured = RecallOnValidation(last_events_out(the_board(), test=1, validation=1), cuts=(5,))
    again = built(models.TwoTower)
    callbacks = [measured, Checkpoints(tmp_path)]
    data = again.training_data(the_board(), batch_size=BATCH)
    with pytest.warns(RunIsOver):
        told = again.fit(data, epochs=2, callbacks=callbacks, verbose=0)
    assert told.history["loss"] == pytest.approx(first["loss"])
    np.testing.assert_allclose(
        again.embed_items(the_board().items), first["vectors"], rtol=1e-5, atol=1e-6
    )


def test_workers_with_parameter_servers_learn_as_one(tmp_path):
    found = outcome(started("coordinator", tmp_path))
    assert found["loss"][-1] < 0.9 * found["loss"][0]
    assert found["loss of ratings"][-1] < 0.95 * found["loss of ratings"][0]
    assert found["steps"] == found["counted"] == 3 * 6  # every batch once, and counted once
    assert found["divided"]
    assert 0 < found["recall"][-1] <= 1
    assert found["whole"]
    assert "Item2Vec changes its tables row by row" in found["by row"]
    assert "take YouTubeDNN or TwoTower" in found["by row"]
    assert "What callbacks keep of TwoTower's weights" in found["kept"]
    assert "callbacks that keep neither weights nor vectors here" in found["kept"]
    assert "Hard" in found["hard"]
    assert found["many users"] == "LazyAdam"  # by the rows of the table, not of its parts


def test_a_machine_alone_is_no_cluster():
    assert Cluster.of({}) is None
    assert Cluster.of(environment({"worker": ["a:1"]}, "worker", 0)) is None


@pytest.mark.parametrize(
    ("machines", "job", "index", "writes", "serves"),
    [
        (WORKERS, "worker", 0, True, False),
        (WORKERS, "worker", 1, False, False),
        ({**WORKERS, "chief": ["c:1"]}, "worker", 0, False, False),
        (SERVERS, "chief", 0, True, False),
        (SERVERS, "worker", 0, False, True),
        (SERVERS, "ps", 1, False, True),
    ],
)
def test_each_knows_its_part(machines, job, index, writes, serves):
    cluster = Cluster.of(environment(machines, job, index))
    assert (cluster.writes, cluster.serves) == (writes, serves)
    assert str(cluster).startswith(f"{job} {index} of a cluster of ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "TF_CONFIG is JSON.*Received: '{'"),
        (environment(WORKERS, "worker", 2)["TF_CONFIG"], "Received: 2 worker; this is worker 2"),
        (environment(WORKERS, "evaluator", 0)["TF_CONFIG"], "not by an evaluator"),
        (environment({**WORKERS, "ps": ["d:1"]}, "worker", 0)["TF_CONFIG"], "names a chief"),
        (
            environment({**WORKERS, "chief": ["a:1"]}, "worker", 1)["TF_CONFIG"],
            "names each machine once.*Received twice: a:1",
        ),
        *(
            (
                environment({**SERVERS, "chief": wrong}, "chief", 0)["TF_CONFIG"],
                rf'in a list, \["host:port".*Received: chief={re.escape(repr(wrong))}\.',
            )
            for wrong in ("recall-chief:2222", {"0": "c:1"}, ["c"], [":1"], ["c:one"], [7], None)
        ),
    ],
)
def test_what_is_no_cluster_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        Cluster.of({"TF_CONFIG": text})


def test_a_server_ends_when_the_chief_is_gone(monkeypatch):
    """Which it waits for at first, as long as it takes."""
    import tensorflow as tf

    from tfrec_recall.cluster import cluster as module

    there, asked = iter([False, False, True, True, False, False, False, False]), []
    monkeypatch.setattr(tf.distribute, "Server", lambda *_, **__: None)
    monkeypatch.setattr(module, "_is_there", lambda address: asked.append(address) or next(there))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    clock = iter(np.arange(0.0, 100.0, 10.0))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    Cluster.of(environment(SERVERS, "ps", 0)).serve(patience=15.0)
    assert set(asked) == {"c:1"}
    assert len(asked) in (5, 6)
