"""One run of a comparison, in a process of its own: `python -m tfrec_recall.cli.runs.compared_run`.

What it takes of memory is given back when it ends, and what it breaks is its own alone.
"""

from __future__ import annotations

import os
import pathlib
import resource
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.console import quiet, say
from tfrec_recall.cli.runs.compared_export import measured_export
from tfrec_recall.cli.runs.plan import Plan
from tfrec_recall.comparison.runs import DONE, LEFT_OUT, STOPPED, Run, standing

if TYPE_CHECKING:
    from tfrec_recall.cli.runs.training import Trained
    from tfrec_recall.data import Split

TRAINING = 0.8  # of the seconds of a run; the rest is for the index and the measurement


def made(
    plan: Plan,
    run: Run,
    seconds: float | None = None,
    split: Split | None = None,
    at_once: int = 1,
) -> dict[str, Any]:
    """Trains and measures as the plan says, and returns the result.

    A run that was interrupted, or that the budget stopped, goes on from its checkpoints; one whose
    measuring did not end is only measured, and so is an export.

    Args:
        seconds: after which training has to be over; what was learnt until then is measured.
        split: that of the plan, where it is at hand.
        at_once: how many runs share the machine with this one, itself among them.
    """
    began = time.monotonic()
    split = plan.split() if split is None else split
    export = plan.export(run.model)
    if export is not None:
        return {
            "made_of": plan.made_of(run.model),
            "machine": plan.machine(at_once),
            **measured_export(plan, export, split),
            **_of_process(),
        }
    from tfrec_recall.cli.commands.train import indexed
    from tfrec_recall.cli.runs.deadline import Deadline
    from tfrec_recall.cli.runs.long_run import LongRun
    from tfrec_recall.cli.runs.training import Unsuitable, train_model
    from tfrec_recall.comparison import figures
    from tfrec_recall.models.one_pass_model import OnePassModel

    chosen, repeats = plan.entry(run.model), bool(plan.measured.repeats)
    made_of, in_steps = plan.made_of(run.model), not issubclass(chosen.load(), OnePassModel)
    unfinished, before = plan.unfinished(run), dict[str, Any]()
    unfinished.begins(plan.about(run))
    if plan.goes_on(run):
        before = dict(standing(plan.runs().read(), {run.model: made_of}).get(run, {}))
    result = {
        "made_of": made_of,
        "of": chosen.name,
        "about": chosen.summary,
        "seconds_allowed": (
            None if seconds is None else seconds + (before.get("seconds_allowed") or 0.0)
        ),
        "machine": plan.machine(at_once),
        "random": in_steps,
    }
    deadline = None
    if seconds is not None:  # of few, 0 are left
        deadline = Deadline(began if unfinished.is_learnt else began + TRAINING * seconds)
    else:
        unfinished.keeps(learnt=False)
    try:
        trained = train_model(
            chosen,
            split,
            plan.settings.get(run.model, {}),
            run.seed,
            published=run.model in plan.published,
            repeats=repeats,
            columns=plan.source.columns,
            watching=[deadline] if deadline else [],
            long_run=LongRun(unfinished.folder) if in_steps else LongRun(),
            on_schedule=True,
        )
    except Unsuitable as error:
        return {
            **result,
            "status": LEFT_OUT,
            "why": str(error),
            "seconds": round(time.monotonic() - began, 1),
        }
    unfinished.keeps(learnt=True)
    learnt = time.monotonic() - began
    retriever = indexed(trained, split, plan.index_settings(), plan.length)
    say("Measuring on test")
    found = figures(retriever, split, repeats, cuts=plan.cuts)
    took = time.monotonic() - began
    is_stopped = deadline is not None and deadline.reached and not unfinished.is_over
    if deadline is not None and is_stopped:
        prepared = learnt - deadline.spent
        needs = (prepared + deadline.an_epoch) / TRAINING, (took - learnt) / (1 - TRAINING)
        result["goes_on_with"] = max(*needs, before.get("goes_on_with") or 0.0)
    return {
        **result,
        "status": STOPPED if is_stopped else DONE,
        "why": None,
        **found,
        **training_figures(trained),
        # An interrupted call left no result that tells what it took, but the seconds of learning.
        "seconds": round(max(took + before.get("seconds", 0.0), trained.seconds), 1),
        **_of_process(),
    }


def ended(plan: Plan, run: Run, result: Mapping[str, Any]) -> None:
    """A result is kept: of what the budget stopped the checkpoints stay."""
    if result["status"] == STOPPED:
        plan.unfinished(run).keeps(learnt=False)
    else:
        plan.unfinished(run).remove()


def training_figures(trained: Trained) -> dict[str, Any]:
    """What a run keeps of its training."""
    return {
        "settings": trained.settings,
        "train_seconds": trained.seconds,
        "examples_per_second": trained.examples_per_second,
        "best_epoch": trained.best_epoch,
        "seconds_to_best": trained.seconds_to_best,
        "epochs": list(trained.curve),
        "field_weights": trained.field_weights,
        "features": trained.model.features.describe(),
    }


def _of_process() -> dict[str, Any]:
    """The memory that this process took at most, and the state of the code."""
    from tfrec_recall.export.repository import repository

    told: Mapping[str, Any] = repository() or {}
    return {
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),  # Linux
        "commit": f"{told.get('commit', '')}{' with changes' * bool(told.get('changed'))}",
    }


def end_with(call: int) -> None:
    """Ends this process when the other end of a pipe is closed, as when the call was killed that
    began it: what goes on alone would write into the report of the next call.

    Args:
        call: the file descriptor of this end.
    """

    told = os.dup(2)  # `quiet` has 2 write to nowhere

    def watch() -> None:
        os.read(call, 1)  # nothing is ever written
        os.write(told, b"The call that began this run is gone, and the run ends with it.\n")
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str]) -> None:
    """Makes the run `FOLDER MODEL SEED AT_ONCE [SECONDS]` and writes its result.

    The standard input is a pipe that is open as long as the run is wanted.
    """
    end_with(sys.stdin.fileno())
    folder, model, seed, at_once, *seconds = arguments
    quiet()
    plan = Plan.read(pathlib.Path(folder))
    run = Run(model, int(seed))
    result = made(plan, run, float(seconds[0]) if seconds else None, at_once=int(at_once))
    plan.runs().write(run, result)
    ended(plan, run, result)


if __name__ == "__main__":
    main(sys.argv[1:])
