"""A search of settings as it runs: the defaults, then trials, then each setting taken back."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.arguments.durations import shown
from tfrec_recall.cli.console import say, warn
from tfrec_recall.cli.discovery import Entry
from tfrec_recall.cli.runs.trial import Outcome, outcome
from tfrec_recall.cli.runs.tuned_file import changed
from tfrec_recall.cli.runs.unfinished_trial import UnfinishedTrial
from tfrec_recall.data.files import replacing

if TYPE_CHECKING:
    from optuna.trial import Trial

    from tfrec_recall.data import Split
    from tfrec_recall.features import Wanted
    from tfrec_recall.search import Study

DEFAULTS, LOG, UNFINISHED = "defaults.json", "trainings.txt", "unfinished"
REFUSED = 5  # trials in a row that the model refuses, after which a search ends
FIGURE = "recall@50 on validation, or the negative RMSE of a model of ratings"


@dataclasses.dataclass(frozen=True)
class Searching:
    """What all trials share.

    Args:
        base: settings that every trial has.
        folder: where the search is kept.
        ends: `time.monotonic()` at which all should be over.
    """

    entry: Entry
    split: Split
    base: Mapping[str, Any]
    seed: int
    repeats: bool
    columns: Wanted
    folder: pathlib.Path
    ends: float

    @property
    def unfinished(self) -> UnfinishedTrial:
        """The training that an earlier call did not end, if there is one."""
        return UnfinishedTrial(self.folder / UNFINISHED)

    def defaults(self, made_of: str) -> Outcome:
        """What the defaults come to, kept from call to call; interrupted, they go on in the next.

        Raises: ValueError where the folder holds those of something else.
        """
        path = self.folder / DEFAULTS
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept.pop("made_of") != made_of:
                raise ValueError(
                    f"{self.folder} holds a search of another model, or over other data, another "
                    "protocol or other settings: give another --out."
                )
            return Outcome(**kept)
        say("First the defaults.")
        found = self._outcome({"made_of": made_of}, self.base)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as sibling:
            text = json.dumps({**dataclasses.asdict(found), "made_of": made_of})
            sibling.write_text(text, encoding="utf-8")
        return found

    def search(self, study: Study, until: float, trials: int | None) -> int | None:
        """Makes trials until then, or so many; says so where the defaults left no time for one.

        First comes the one that an earlier call did not end. The search is over before where no
        other settings are left, or where trials in a row are refused.

        Returns: how many of them are left.
        """
        if len(study.tried) == 1 and time.monotonic() >= until:
            took = shown(study.tried[0].seconds)
            told = f"The defaults alone took {took}: nothing was searched; "
            warn((f"{told}the next call goes on from there.", "yellow"))
        refused = 0
        while time.monotonic() < until and trials != 0 and refused < REFUSED:
            trial, back = self._next(study)
            if trial is None:
                say("All settings that can be drawn have been tried: the search is over.")
                return trials
            refused = 0 if self._is_made(study, trial, back) else refused + 1
            trials = None if trials is None else trials - 1
            if (
                self.unfinished.about is not None
            ):  # it goes on in the next call, not beyond this one
                return trials
        if refused == REFUSED:
            told = f"{refused} trials in a row cannot be made: the search ends. "
            warn((f"{told}Give --search without the settings that are refused.", "yellow"))
        return trials

    def take_back(self, study: Study, defaults: Mapping[str, Any], trials: int | None) -> None:
        """Takes back each setting of the best trial alone, as far as time and trials last.

        Where one is better taken back, that is the best trial from then on.
        """
        failed: set[str] = set()
        while trials != 0:
            known = {*study.brought(), *failed}
            left = [name for name in changed(study, defaults) if name not in known]
            if not left or time.monotonic() + study.best.seconds > self.ends:
                return
            if self.unfinished.about is not None:  # it comes first, in the next call
                return
            self._is_made(study, study.next_without(left[0]), back=left[0])
            if study.tried[-1].back != left[0] or not study.tried[-1].whole:
                failed.add(left[0])
            trials = None if trials is None else trials - 1

    def _next(self, study: Study) -> tuple[Trial | None, str | None]:
        """The trial that an earlier call did not end, or another one; and the setting that it takes
        back."""
        about = self.unfinished.about or {}
        if "params" in about and about["made_of"] == study.made_of:
            return study.again(about["params"], about["back"]), about["back"]
        return study.next(), None

    def _is_made(self, study: Study, trial: Trial, back: str | None = None) -> bool:
        """Makes a trial, perhaps the best settings without one of them.

        Returns: whether the model has not refused it.
        """
        before = study.best.value or 0.0
        params = study.settings(trial)
        given = {**self.base, **params}
        about = {"made_of": study.made_of, "params": params, "back": back}
        searched = trial if back is None else None
        try:
            with _logged(self.folder, f"trial {trial.number}: {given}"):
                found = self._outcome(about, given, trial=searched, ends=self.ends)
        except ValueError as error:
            study.refuse(trial)
            warn((f"Trial {trial.number} cannot be made: {error}", "yellow"))
            return False
        except BaseException:  # interrupted: it is nobody's figure
            study.tell(trial, None, 0.0)
            raise
        if found.late:  # it goes on as another trial
            study.tell(trial, None, 0.0)
        else:
            study.tell(trial, found.value, found.seconds, found.whole)
        told = ", ".join(f"{name} {_short(value)}" for name, value in params.items())
        if found.late:
            far = "" if found.value is None else f"{found.value:.4f} so far, "
            came = f"{far}ended by the budget: the next call goes on with it"
        elif found.value is None:
            came = "given up"
        else:
            came = f"{found.value:.4f}{', the best' * (found.value > before)}"
        without = f"without {back}, " if back else ""
        say(f"trial {trial.number}: {without}{told}: {came}, {shown(found.seconds)}")
        return True

    def _outcome(
        self, about: Mapping[str, Any], settings: Mapping[str, Any], **others: Any
    ) -> Outcome:
        """What a training comes to, which goes on if an earlier call has not ended it.

        Args:
            about: what makes it that training.
        """
        unfinished, began = self.unfinished, time.monotonic()
        unfinished.begins(about)
        shared = (self.entry, self.split, settings, self.seed, self.repeats, self.columns)
        try:
            found = outcome(*shared, unfinished.folder, **others)
        except Exception:  # perhaps of what it went on from
            unfinished.remove()
            raise
        except BaseException:  # interrupted
            unfinished.waits(time.monotonic() - began)
            raise
        before = unfinished.seconds
        if found.late:
            unfinished.waits(found.seconds)
        else:
            unfinished.remove()
        return dataclasses.replace(found, seconds=before + found.seconds)


@contextlib.contextmanager
def _logged(folder: pathlib.Path, about: str) -> Iterator[None]:
    """What a training tells goes to a file: a search has a line a trial."""
    with open(folder / LOG, "a", encoding="utf-8") as log:
        log.write(f"{about}\n")
        with contextlib.redirect_stderr(log):
            yield


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
