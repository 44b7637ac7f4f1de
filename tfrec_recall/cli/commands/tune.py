"""`tfrec-recall tune`."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import os
import pathlib
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

import tfrec_recall
from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.durations import seconds, shown
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import Protocol, protocol
from tfrec_recall.cli.arguments.settings import read_all, separate
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.console import results, say
from tfrec_recall.cli.discovery import entry
from tfrec_recall.cluster import Cluster
from tfrec_recall.data.files import alone_in, check_folder, check_name, replacing
from tfrec_recall.export.place import refuse_among_versions

if TYPE_CHECKING:
    from tfrec_recall.cli.runs.searching import Searching
    from tfrec_recall.data import Split
    from tfrec_recall.search import Study

FOUND, TRIALS = "tuned.toml", "trials.json"


@options.reads_data
@takes("measured", made_by=protocol)
def tune(
    model: Annotated[str, typer.Argument(help="One of `tfrec-recall models`.")],
    source: Source,
    measured: Protocol,
    budget: Annotated[
        str, typer.Option(metavar="TIME", help="How long this call may search: 30m, 2h.")
    ] = "30m",
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="At most as many trainings in this call.", show_default=False),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="The settings to search; by default all of the model's of which it is known what "
            "to try, but for batch_size, epochs, heads, hidden, length, negatives and walks, which "
            "may make trials far longer.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Settings that every trial has, as for `train`. May be given several times.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the trainings, and of what is tried.")] = 0,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Where trials and settings go; by default tuned/MODEL.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Search a model's settings on validation, and write those that `train --settings` takes.

    The defaults are tried first. Trials that go worse than others are given up early. Then the
    settings that were found are taken back one by one, which tells what each brought. The next call
    of the same command goes on from there. Test is not looked at.
    """
    Cluster.refuse("tune")
    chosen, limit = entry(model), seconds(budget)
    published, base = read_all(settings or ())
    if published:
        raise ValueError("tune takes files with settings; `published` is of the paper, as it is.")
    if importlib.util.find_spec("optuna") is None:
        raise ImportError("tune draws its trials with optuna: pip install 'tfrec-recall[tune]'.")
    folder = out or pathlib.Path("tuned") / chosen.name
    check_name(os.path.abspath(folder))  # of checkpoints
    refuse_among_versions(folder, "--out")
    check_folder(folder)
    began = time.monotonic()
    from tfrec_recall.cli.runs.followed import without_effect
    from tfrec_recall.models.published import left_out
    from tfrec_recall.search import Space

    only = None if search is None else [name.strip() for name in search.split(",")]
    training, arguments = separate(base, chosen.load(), chosen.name)
    unfollowed = without_effect(chosen.load())
    given = {**dataclasses.asdict(training), **arguments}
    idle = {*unfollowed, *left_out(arguments, chosen.load().UNREAD)}
    given = {name: value for name, value in given.items() if name not in idle}
    Space.check(given, only)
    interactions = measured.counted(source.load())
    Space.check(given, only, interactions.has_time)
    from tfrec_recall.cli.runs.searching import TAKING_BACK, Searching
    from tfrec_recall.cli.runs.validation import tell_of_few
    from tfrec_recall.data.fingerprint import fingerprint
    from tfrec_recall.search import Study

    measure = [fingerprint(interactions), measured.record(), source.columns]
    shared = [*measure, chosen.name, base, seed, tfrec_recall.__version__]
    searching = Searching(
        chosen,
        with_validation(measured.cut(interactions), seed),
        base,
        seed,
        bool(measured.repeats),
        source.columns,
        folder,
        began + limit,
    )
    if not chosen.load().learns_ratings:
        tell_of_few(searching.split, "no setting is found by it")
    with alone_in(folder, "searches settings"):
        defaults = searching.defaults(_digest(shared))
        if defaults is None:
            return
        found = {name: v for name, v in defaults.settings.items() if name not in idle}
        space = Space.of(found, only, interactions.has_time)
        study = Study(folder, space, _digest([*shared, sorted(space.defaults)]), seed)
        if not study.tried:
            study.add_defaults(defaults.value or 0.0, defaults.seconds, list(defaults.curve))
        say("Searched: ", (", ".join(space.defaults), "bold"))
        try:
            left = searching.search(study, began + (1 - TAKING_BACK) * limit, trials)
            searching.take_back(study, left)
        finally:  # also of what an interruption left
            _write(searching, study, interactions.name)


def with_validation(split: Split, seed: int) -> Split:
    """The split, or one of its training events where no validation came with the data.

    Raises: ValueError where nobody has two events.
    """
    if len(split.validation.targets):
        return split
    from tfrec_recall.data import hold_back

    trial = hold_back(split.train, seed=seed)
    if trial is None:
        raise ValueError(
            "Settings are chosen on validation: nobody has an event that could be held back. "
            f"Received: {split}."
        )
    say(f"No validation came with the data: {trial.validation} are held back.")
    return trial


def _write(searching: Searching, study: Study, data: str) -> None:
    """The settings file, all trials as JSON, and the table.

    Args:
        data: their name.
    """
    from tfrec_recall.cli.runs.searching import FIGURE
    from tfrec_recall.cli.runs.tuned_file import not_over, table, text

    tried, unfinished = study.tried, searching.not_over(study)
    folder, defaults = searching.folder, study.defaults
    about = (
        f"{searching.entry.name} on {data}, {searching.split.name}: {len(tried)} trials in "
        f"{shown(sum(one.seconds for one in tried))}, "
        f"{sum(not one.whole for one in tried)} of them given up early."
    )
    if unfinished is not None:
        about += f"\n{not_over(unfinished, study)}"
    values = {
        "about": about,
        "not_over": unfinished,
        "brought": study.brought(),
        "importances": dict(study.importances()),
    }
    texts = {
        FOUND: text(study, defaults, searching.base, FIGURE, about),
        TRIALS: json.dumps({**values, "trials": list(map(dataclasses.asdict, tried))}, indent=1),
    }
    for name, content in texts.items():
        with replacing(folder / name) as sibling:
            sibling.write_text(content, encoding="utf-8")
    results().print(table(study, defaults))
    best, first = study.best, tried[0]
    say(about)
    say(f"{FIGURE}: {best.value:.4f}, by the defaults {first.value:.4f}.")
    say("The settings: ", (str(folder / FOUND), "bold"), ", for `train --settings`.")


def _digest(parts: list[Any]) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
