"""Runs of a comparison, each in a process of its own."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from tfrec_recall.cli.arguments.durations import shown
from tfrec_recall.cli.console import warn
from tfrec_recall.cli.runs.plan import Plan
from tfrec_recall.comparison.runs import FAILED, TOO_LONG, WITH_FIGURES, Run, standing

GRACE = 5  # seconds that a run may be late
ENDED = 128 + signal.SIGTERM  # by a machine that is taken away; what was learnt is kept
LAST_LINES = 3  # of a log, where a run failed
THREADS = (  # what says how many threads TensorFlow and NumPy take
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
)


class RunsApart:
    """Makes the runs of a plan; several threads may ask for one each.

    Args:
        at_once: how many share the machine: each has as many threads as its share of the cores,
            where there are several, unless the environment says another number.
    """

    def __init__(self, plan: Plan, at_once: int = 1):
        self._plan, self._at_once = plan, at_once
        self._processes: set[subprocess.Popen] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def made(self, run: Run, allowed: float | None) -> Mapping[str, Any]:
        """The result of a run, whose log is kept beside it; killed where it is late.

        Figures of the same run that are there stay until there are new ones.

        Args:
            allowed: seconds; None: any.
        """
        runs, made_of = self._plan.runs(), {run.model: self._plan.made_of(run.model)}
        before = standing(runs.read(), made_of).get(run)
        result = self._result(run, allowed)
        if result["status"] not in WITH_FIGURES and before and before["status"] in WITH_FIGURES:
            warn((str(run), "bold"), f": {result['status']}: {result['why']}. Its figures stay.")
            result = before
        runs.write(run, result)
        return result

    def _result(self, run: Run, allowed: float | None) -> Mapping[str, Any]:
        """What came of a process that makes the run."""
        runs = self._plan.runs()
        command = [sys.executable, "-m", "tfrec_recall.cli.runs.compared_run"]
        command += [str(self._plan.folder), run.model, str(run.seed), str(self._at_once)]
        command += [] if allowed is None else [f"{allowed:.0f}"]
        log, began, there = runs.path(run, "log"), time.monotonic(), _written(runs.path(run))
        late = False
        with open(log, "wb") as lines:
            process = self._begun(command, lines)
            try:
                process.wait(None if allowed is None else allowed + GRACE)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                self._ended(process)
        if _written(runs.path(run)) != there:
            return runs.read()[run]
        if self._stopped or process.returncode == -signal.SIGINT:  # a terminal interrupts all
            raise KeyboardInterrupt
        unfinished = self._plan.unfinished(run)
        if 0 < process.returncode != ENDED:  # it broke, perhaps by what it went on from
            unfinished.remove()
        told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = f"no end within {shown(allowed)}" if late else " ".join(told[-LAST_LINES:])
        if late and self._plan.goes_on(run) and unfinished.is_learnt:
            why = f"learnt, but not measured within {shown(allowed)}; the next call measures it"
        return {
            "made_of": self._plan.made_of(run.model),
            "status": TOO_LONG if late else FAILED,
            "why": why if late else f"{why} (exit code {process.returncode}; {log})",
            "seconds": round(time.monotonic() - began, 1),
            "seconds_allowed": allowed,
            "random": True,
        }

    def stop(self) -> None:
        """Kills what is running, of which checkpoints stay; nothing begins any more."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()

    def _begun(self, command: list[str], log: Any) -> subprocess.Popen:
        with self._lock:
            if self._stopped:
                raise KeyboardInterrupt
            process = subprocess.Popen(  # a pipe that is closed with this process, as it watches
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=self._environment()
            )
            self._processes.add(process)
            return process

    def _ended(self, process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()
        with self._lock:
            self._processes.discard(process)

    def _environment(self) -> dict[str, str]:
        if self._at_once == 1:
            return dict(os.environ)
        share = str(max(1, len(os.sched_getaffinity(0)) // self._at_once))
        return {**dict.fromkeys(THREADS, share), **os.environ}


def _written(path: pathlib.Path) -> tuple[int, int] | None:
    """What is another one when a file is written anew; None where there is none."""
    if not path.exists():
        return None
    told = path.stat()
    return told.st_ino, told.st_mtime_ns
