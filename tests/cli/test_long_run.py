"""`train --checkpoints`: a run that was killed goes on; one of something else is refused."""

import json
import shutil
import types

import pytest
import tensorflow as tf

from tests.cli.conftest import RENAME, run
from tests.cli.test_training import STEPS, Toy
from tfrec_recall.cli.commands import train as command
from tfrec_recall.cli.runs.long_run import LongRun
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.models.fitting import checkpoints_of

SETTINGS = {"epochs": 7, "patience": 2, "batch_size": 16}


class Learns(Toy):
    """As models of this package do, it tells `Checkpoints` of the other callbacks."""

    def fit(self, *args, callbacks, **kwargs):
        for one in checkpoints_of(callbacks):
            one.stand_beside([each for each in callbacks if each is not one], [])
        return super().fit(*args, callbacks=callbacks, **kwargs)


@pytest.fixture
def entry(split, monkeypatch):
    monkeypatch.setattr(Toy, "split", split)
    return types.SimpleNamespace(name="toy", load=lambda: Learns)


class Killed(tf.keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 4:
            raise InterruptedError


def without_seconds(trained):
    return [{n: v for n, v in epoch.items() if n != "seconds"} for epoch in trained.curve]


def test_a_run_goes_on_and_stops_where_it_would_have_stopped(entry, split, tmp_path, capsys):
    through = train_model(entry, split, SETTINGS, seed=0)
    long_run = LongRun(tmp_path, every=2)
    with pytest.raises(InterruptedError):
        train_model(entry, split, SETTINGS, seed=0, watching=[Killed()], long_run=long_run)
    capsys.readouterr()
    trained = train_model(entry, split, SETTINGS, seed=0, long_run=long_run)
    assert [line[:9] for line in capsys.readouterr().err.splitlines() if "loss" in line] == [
        "epoch   5"
    ]
    assert trained.best_epoch == through.best_epoch == 3
    assert without_seconds(trained) == without_seconds(through)
    assert float(trained.model.done.numpy()) == 3 * STEPS
    assert 0 < trained.seconds_to_best < trained.seconds

    again = train_model(entry, split, SETTINGS, seed=0, long_run=long_run)
    assert "is over: nothing more is learnt" in capsys.readouterr().err
    assert (again.best_epoch, again.curve) == (trained.best_epoch, trained.curve)
    assert float(again.model.done.numpy()) == 3 * STEPS


def test_a_folder_belongs_to_one_run(tmp_path, capsys):
    one = {"model": "two-tower", "settings": {"dim": 8}, "seed": 0}
    LongRun(tmp_path / "run").check(one)
    LongRun(tmp_path / "run").check(one)
    assert "goes on" not in capsys.readouterr().err  # nothing is learnt yet
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]
    with pytest.raises(ValueError, match=r"has a run with settings \{'dim': 8\}.*Received: .*9"):
        LongRun(tmp_path / "run").check({**one, "settings": {"dim": 9}})
    LongRun(tmp_path / "other", writes=False).check(one)  # of a worker: the chief keeps it
    assert not (tmp_path / "other").exists()


def test_a_run_goes_on_with_its_data_and_its_protocol_alone(folder, tmp_path, capsys):
    data, runs = tmp_path / "data", tmp_path / "runs"
    shutil.copytree(folder, data)
    command = ["train", "popular", "--data", data, *RENAME, "--checkpoints", runs]
    run(*command)
    capsys.readouterr()
    run(*command, "--ties", "shuffled:7", code=1)
    told = " ".join(capsys.readouterr().err.split())
    assert "has a run with protocol {}: begin it again as it was" in told
    assert "Received: protocol {'ties': 'shuffled:7'}" in told
    events = (data / "events.csv").read_text().splitlines(keepends=True)
    (data / "events.csv").write_text("".join(events[:-1]))
    run(*command, code=1)
    assert "has a run with fingerprint" in capsys.readouterr().err
    kept = json.loads((runs / "run.json").read_text())
    for name in ("protocol", "fingerprint"):  # which an earlier version did not keep
        del kept[name]
    (runs / "run.json").write_text(json.dumps(kept))
    run(*command)


def test_how_often_needs_where(folder):
    run("train", "two-tower", "--data", folder, *RENAME, "--checkpoint-every", "5", code=2)


def test_a_server_of_a_cluster_serves_and_trains_nothing(folder, monkeypatch, capsys):
    machines = {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}
    config = {"cluster": machines, "task": {"type": "ps", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    served = []
    monkeypatch.setattr(command.Cluster, "serve", lambda self: served.append(self.job))
    run("train", "two-tower", "--data", folder, *RENAME)
    assert served == ["ps"]
    assert "This is ps 0 of a cluster of 1 chief, 1 worker, 1 ps." in capsys.readouterr().err
