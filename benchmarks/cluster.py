"""Claim: two workers in step, and two workers with two parameter servers, learn what one learns.

    python benchmarks/cluster.py                                  # a few minutes
    python benchmarks/cluster.py --models mind sdm --seeds 2
    python benchmarks/cluster.py --models all                     # whether they train: half an hour

Every run is `tfrec-recall train` as a user starts it, in processes of this machine; a cluster's are
told by TF_CONFIG which of them is which. It prints the loss after each epoch: of one process with
several seeds, of two workers that step together (`MultiWorkerMirroredStrategy`), of two workers
that step on their own with the tables divided among two servers (`ParameterServerStrategy`), and of
both once more while one is killed (SIGKILL) and started again. In step, all workers then go on from
the last checkpoint; with servers, the others go on without a worker, and where the chief or a
server was killed, the chief begins again from the last checkpoint.

The ratio of a run is how far its loss is from the mean of one process's seeds, over their range of
three standard deviations, or of 1% where they are closer together, in the epoch where that is most;
exits 1 above 1, where a run does not end, or where the chief alone has not written the export.

With `--models all`, or `--trains` and the names of some, models that learn in steps train in step
and with servers for an epoch: each trains, or is refused with a word, which is printed. Exits with
1 if one ends otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from tfrec_recall.cli.discovery import entries, entry
from tfrec_recall.data.datasets import simulated
from tfrec_recall.models.one_pass_model import OnePassModel

ALL = "all"
EPOCHS = 6
SETTINGS = {"epochs": EPOCHS, "patience": EPOCHS, "batch_size": 256}
LIMIT = 900.0  # seconds of a run
NOT_LESS = 0.01  # of the loss: a range of fewer seeds says little
REFUSAL = re.compile(r"Error: (?!.*Traceback).*?Received: [^.]*\.")  # as all refusals of ours end


def free_addresses(count: int) -> list[str]:
    """Places to listen at, which nobody has."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("localhost", 0))
        return [f"localhost:{one.getsockname()[1]}" for one in found]


def cluster(**counts: int) -> dict[str, list[str]]:
    """Machines by their jobs."""
    addresses = iter(free_addresses(sum(counts.values())))
    return {job: [next(addresses) for _ in range(count)] for job, count in counts.items()}


class Failed(SystemExit):
    """A run that did not end well; the text has the ends of its logs."""


class Processes:
    """The processes of one run, which learn with these settings; at its end none is left."""

    def __init__(self, folder: pathlib.Path, model: str, seed: int, data: str, settings: dict):
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "settings.json").write_text(json.dumps(settings))
        self.command = [
            *(sys.executable, "-m", "tfrec_recall.cli", "train", model, "--data", data),
            *("--seed", str(seed), "--settings", str(folder / "settings.json")),
            *("--index", "exact", "--export", str(folder / "export")),
            *("--checkpoints", str(folder / "checkpoints"), "--checkpoint-every", "20"),
        ]
        self.running: dict[tuple[str, int], subprocess.Popen] = {}
        self.machines: dict[str, list[str]] = {}

    def start(self, job: str = "chief", index: int = 0) -> None:
        """Starts one; its lines go to a file."""
        place = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if self.machines:
            task = {"type": job, "index": index}
            place["TF_CONFIG"] = json.dumps({"cluster": self.machines, "task": task})
        command = [*self.command, "--json", str(self.folder / f"{job}{index}.json")]
        with (self.folder / f"{job}{index}.log").open("a") as log:
            process = subprocess.Popen(command, env=place, stdout=log, stderr=log)
        self.running[job, index] = process

    def start_all(self, machines: dict[str, list[str]]) -> None:
        self.machines = machines
        for job, hosts in machines.items():
            for index in range(len(hosts)):
                self.start(job, index)

    def kill(self, job: str, index: int, how: int) -> None:
        process = self.running.pop((job, index))
        process.send_signal(how)
        process.wait()

    def text(self, job: str, index: int) -> str:
        return (self.folder / f"{job}{index}.log").read_text()

    def wait_for(self, text: str, job: str, index: int) -> None:
        """Until one of them has said this, as often as it is said now and once more."""
        end = time.monotonic() + LIMIT
        while text not in self.text(job, index):
            if time.monotonic() > end or self.running[job, index].poll() not in (None, 0):
                raise Failed(f"{job} {index} did not come to {text!r}:\n{self.tail()}")
            time.sleep(0.2)

    def wait(self, *who: tuple[str, int]) -> None:
        """Until these have ended, and well."""
        for job, index in who:
            try:
                status = self.running[job, index].wait(LIMIT)
            except subprocess.TimeoutExpired:
                status = "no end"
            if status != 0:
                raise Failed(f"{job} {index}: {status}\n{self.tail()}")

    def tail(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text()[-1500:]}" for log in logs)

    def losses(self, job: str) -> list[float]:
        """After each epoch, by what the process that writes has written."""
        figures = json.loads((self.folder / f"{job}0.json").read_text())
        return [epoch["loss"] for epoch in figures["curve"]]

    def wrote_alone(self, job: str) -> bool:
        """Whether there is one export, and figures of this process alone."""
        exports = [path for path in (self.folder / "export").iterdir() if path.name.isdigit()]
        return len(exports) == 1 and [p.name for p in self.folder.glob("*[0-9].json")] == [
            f"{job}0.json"
        ]

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


def alone(run: Processes) -> str:
    run.start()
    run.wait(("chief", 0))
    return "chief"


def in_step(run: Processes) -> str:
    run.start_all(cluster(worker=2))
    run.wait(("worker", 0), ("worker", 1))
    return "worker"


def with_servers(run: Processes) -> str:
    run.start_all(cluster(chief=1, worker=2, ps=2))
    run.wait(("chief", 0))
    return "chief"


def in_step_and_killed(run: Processes) -> str:
    """A cluster's manager starts anew whoever has ended: here, both."""
    run.start_all(cluster(worker=2))
    run.wait_for("epoch   2", "worker", 0)
    run.kill("worker", 1, signal.SIGKILL)
    run.kill("worker", 0, signal.SIGTERM)  # it waits for the other one
    run.start_all(run.machines)
    run.wait(("worker", 0), ("worker", 1))
    return "worker"


def with_servers_and_killed(run: Processes, job: str, index: int) -> str:
    """One of the cluster is killed, and started anew when the others have missed it."""
    run.start_all(cluster(chief=1, worker=2, ps=2))
    run.wait_for("epoch   2", "chief", 0)
    run.kill(job, index, signal.SIGKILL)
    time.sleep(2)
    run.start(job, index)
    run.wait(("chief", 0))
    return "chief"


def with_a_killed_server(run: Processes) -> str:
    """Its rows are gone: the chief ends, and is started anew as by a cluster's manager."""
    run.start_all(cluster(chief=1, worker=2, ps=2))
    run.wait_for("epoch   2", "chief", 0)
    run.kill("ps", 1, signal.SIGKILL)
    try:
        status = run.running["chief", 0].wait(LIMIT)
    except subprocess.TimeoutExpired:
        raise Failed(f"The chief does not end without a server:\n{run.tail()}") from None
    if status == 0:
        raise Failed(f"The chief ended well without a server:\n{run.tail()}")
    run.start("ps", 1)
    run.start()
    run.wait(("chief", 0))
    return "chief"


KINDS = {
    "two workers in step": in_step,
    "two workers, two servers": with_servers,
    "in step, one killed": in_step_and_killed,
    "servers, one worker killed": partial(with_servers_and_killed, job="worker", index=1),
    "servers, the chief killed": partial(with_servers_and_killed, job="chief", index=0),
    "servers, one of them killed": with_a_killed_server,
}


def trains(run: Processes, how: Callable[[Processes], str]) -> tuple[bool, str]:
    """Whether a model trains so, or says why not; and what is printed of it."""
    try:
        losses = run.losses(how(run))
    except Failed as failed:
        text = " ".join(str(failed).split())
        refused = REFUSAL.search(text)
        return refused is not None, refused[0] if refused else f"FAILS: {failed}"
    return bool(np.isfinite(losses).all()), f"trains, loss {losses[-1]:.4f}"


def add_ratings(log: pathlib.Path) -> None:
    """Gives the events ratings, which some models learn from."""
    for path in (log / "events").glob("*.parquet"):
        events = pd.read_parquet(path)
        events["rating"] = 1.0 + np.arange(len(events)) % 5
        events.to_parquet(path)


def try_each(models: list[str], place: pathlib.Path, data: str) -> bool:
    """Whether each model trains in a cluster, or is refused with a word."""
    well = True
    settings = {**SETTINGS, "epochs": 1, "patience": 1}
    for model in models:
        if issubclass(entry(model).load(), OnePassModel):
            print(f"{model:32} learns in one pass: there is nothing to share", flush=True)
            continue
        for name in list(KINDS)[:2]:
            with Processes(place / model / name.replace(" ", "-"), model, 0, data, settings) as run:
                good, said = trains(run, KINDS[name])
            well &= good
            print(f"{model:32} {name:28} {said}", flush=True)
    return well


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["two-tower"], help=f"or {ALL}")
    parser.add_argument("--trains", action="store_true", help="only whether these models train")
    parser.add_argument("--kinds", nargs="+", type=int, default=range(len(KINDS)))
    parser.add_argument("--seeds", type=int, default=3, help="of one process")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    worst = 0.0
    settings = {**SETTINGS, "epochs": options.epochs, "patience": options.epochs}
    with tempfile.TemporaryDirectory() as place:
        data = str(pathlib.Path(place) / "log")
        simulated.write(data, events=options.events)
        if options.trains or options.models == [ALL]:
            add_ratings(pathlib.Path(data))
            names = list(entries()) if options.models == [ALL] else options.models
            sys.exit(not try_each(names, pathlib.Path(place), data))
        for model in options.models:

            def curve(name, how, seed, model=model) -> list[float]:
                folder = pathlib.Path(place) / model / f"{name} {seed}".replace(" ", "-")
                begin = time.perf_counter()
                with Processes(folder, model, seed, data, settings) as run:
                    job = how(run)
                    losses = run.losses(job)
                    if not run.wrote_alone(job):
                        raise SystemExit(f"{name}: others than the chief have written.")
                shown = " ".join(f"{loss:8.4f}" for loss in losses)
                took = time.perf_counter() - begin
                print(f"{model:12} {name:28} seed {seed} {shown}   {took:4.0f} s", flush=True)
                return losses

            curves = np.array([curve("one process", alone, seed) for seed in range(options.seeds)])
            mean = curves.mean(axis=0)
            noise = np.maximum(3 * curves.std(axis=0), NOT_LESS * mean)
            for number in options.kinds:
                name, how = list(KINDS.items())[number]
                ratio = float((np.abs(curve(name, how, 0) - mean) / noise).max())
                worst = max(worst, ratio)
                print(f"{model:12} {name:28} ratio {ratio:.2f}, claimed at most 1", flush=True)
    sys.exit(worst > 1)


if __name__ == "__main__":
    main()
