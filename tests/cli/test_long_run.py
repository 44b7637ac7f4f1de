"""`train --checkpoints`: a run that was killed goes on; one of something else is refused."""

import json
import os
import pathlib
import shutil
import types

import pytest
import tensorflow as tf

from tests.cli.conftest import RENAME, run
from tests.cli.test_training import STEPS, Toy
from tfrec_recall.cli.commands import train as command
from tfrec_recall.cli.runs.long_run import LongRun, long_run
from tfrec_recall.cli.runs.tensorboard import check_run
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.models.fitting.run import checkpoints_of
from tfrec_recall.operations.delta_files import tensors_of
from tfrec_recall.optimizers import FusedAdam, LazyAdam
from tfrec_recall.training import Checkpoints
from tfrec_recall.training.run_state import Kept, RunState

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


@pytest.mark.parametrize("kept", [FusedAdam, LazyAdam])
def test_a_run_goes_on_with_the_adam_that_it_began_with(kept, tmp_path):
    """Though the model would choose another one by now."""
    weight, optimizer = tf.Variable(tf.zeros([3, 2])), kept()
    optimizer.build([weight])
    model = tf.train.Checkpoint(weight=weight, optimizer=optimizer)
    saved = tf.train.Checkpoint(model=model)
    tf.train.CheckpointManager(saved, str(tmp_path / "training"), 1).save()
    run = LongRun(tmp_path)
    for chosen in (FusedAdam, LazyAdam):
        assert run.adam_of("training", chosen) is kept
        assert run.adam_of("trial", chosen) is chosen  # which has not begun
    assert run.adam_of("training", tf.keras.optimizers.SGD) is tf.keras.optimizers.SGD


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


@pytest.mark.parametrize("name", ["runs [1]", "a*", "what?", "back\\slash"])
def test_a_folder_that_would_not_be_found_again_is_refused(name, tmp_path, monkeypatch):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    for refuse in (Checkpoints, long_run, tensors_of):
        for folder in (tmp_path / name, pathlib.Path("run")):
            if refuse is not tensors_of or folder.is_absolute():
                with pytest.raises(ValueError, match=r"for a pattern .*Received: "):
                    refuse(folder)
    assert os.listdir(tmp_path / name) == []


def test_what_is_kept_of_a_run_lies_outside_of_exports(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match="--checkpoints goes into a folder of its own"):
        long_run(tmp_path / "9")
    with pytest.raises(ValueError, match="--tensorboard goes into a folder of its own"):
        check_run(tmp_path / "9")
    (tmp_path / "begun").mkdir()
    assert long_run(tmp_path / "begun").folder == tmp_path / "begun"
    check_run(tmp_path / "begun", goes_on=True)


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


@pytest.mark.parametrize("name", ["tune", "compare", "update"])
def test_what_trains_on_one_machine_is_refused_in_a_cluster(
    name, folder, tmp_path, monkeypatch, capsys
):
    task = {"type": "worker", "index": 1}
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": task}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    about = {
        "tune": ["two-tower", "--data", folder, *RENAME],
        "compare": ["--data", folder, *RENAME, "--out", tmp_path / "out"],
        "update": [tmp_path, "--events", tmp_path],
    }
    run(name, *about[name], code=1)
    said = " ".join(capsys.readouterr().err.split())
    assert f"{name} trains on one machine, and TF_CONFIG names several" in said
    assert "Received: worker 1 of a cluster of 2 worker." in said


def test_a_server_of_a_cluster_serves_and_trains_nothing(folder, monkeypatch, capsys):
    machines = {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}
    config = {"cluster": machines, "task": {"type": "ps", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    served = []
    monkeypatch.setattr(command.Cluster, "serve", lambda self: served.append(self.job))
    run("train", "two-tower", "--data", folder, *RENAME)
    assert served == ["ps"]
    assert "This is ps 0 of a cluster of 1 chief, 1 worker, 1 ps." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "over"),
    [
        (RunState(epoch=2, epochs=3), False),
        (RunState(epoch=3, epochs=3), True),
        (RunState(epoch=2, epochs=3, stopped=True), True),
        (RunState(epoch=3), False),  # of an earlier version
    ],
)
def test_a_folder_says_whether_its_training_is_over(tmp_path, state, over):
    assert not LongRun(tmp_path).is_over  # nothing is learnt yet
    assert not LongRun().is_over
    tf.train.Checkpoint(run=Kept(state)).save(str(tmp_path / "training" / "ckpt"))
    assert LongRun(tmp_path).is_over == over


@pytest.mark.parametrize("index", [0, 1])
def test_who_is_lost_behind_the_training_waits_for_nobody(index, tmp_path, monkeypatch):
    tf.train.Checkpoint(run=Kept(RunState(stopped=True))).save(str(tmp_path / "training" / "ckpt"))
    monkeypatch.setattr(command.Cluster, "strategy", lambda self: pytest.fail("waits for ever"))
    cluster = command.Cluster({"worker": ["a:1", "b:1"]}, "worker", index)
    left = LongRun(tmp_path).within(cluster)
    assert left == (LongRun(tmp_path) if cluster.writes else None)


@pytest.mark.parametrize(
    ("job", "index", "servers"), [("chief", 0, []), ("worker", 0, []), ("worker", 0, ["c:1"])]
)
def test_what_learns_in_one_pass_waits_for_nobody(
    job, index, servers, folder, tmp_path, monkeypatch, capsys
):
    """Also when it begins anew, and its board goes on, where the others have gone."""
    runs, board = tmp_path / "runs", tmp_path / "board"
    runs.mkdir()
    (runs / "run.json").write_text(json.dumps({"tensorboard": [str(board)]}))
    board.mkdir()
    (board / "events").touch()
    machines = {"chief": ["a:1"], "worker": ["b:1"], **({"ps": servers} if servers else {})}
    config = {"cluster": machines, "task": {"type": job, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    for waits in ("strategy", "serve"):
        monkeypatch.setattr(command.Cluster, waits, lambda self: pytest.fail("waits for ever"))
    report = tmp_path / "report.json"
    told = ["--checkpoints", runs, "--tensorboard", board, "--json", report, "--index", "exact"]
    run("train", "popular", "--data", folder, *RENAME, *told)
    writes = job == "chief"
    assert report.exists() == writes
    assert (board / "test").exists() == writes
    assert ("nothing to do" in capsys.readouterr().err) == (not writes)


def test_a_run_goes_on_with_its_board(folder, tmp_path, capsys):
    about = ["train", "popular", "--data", folder, *RENAME, "--index", "exact", "--quiet"]
    about += ["--checkpoints", tmp_path / "runs", "--tensorboard"]
    run(*about, tmp_path / "first")
    run(*about, tmp_path / "first")  # the same command
    run(*about, tmp_path / "second")
    run(*about, tmp_path / "first")
    capsys.readouterr()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "events").touch()
    run(*about, tmp_path / "other", code=1)
    assert "a folder of its own" in capsys.readouterr().err


def test_who_writes_nothing_is_asked_for_no_place_to_write(folder, tmp_path, monkeypatch):
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "events").touch()  # of the chief, which writes already
    config = {
        "cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]},
        "task": {"type": "worker", "index": 0},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    served = []
    monkeypatch.setattr(command.Cluster, "serve", lambda self: served.append(self.job))
    run("train", "two-tower", "--data", folder, *RENAME, "--tensorboard", tmp_path / "board")
    assert served == ["worker"]
