"""A search of settings as it runs: the defaults, then trials, then each setting taken back."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.arguments.durations import shown
from tfrec_recall.cli.console import say, warn
from tfrec_recall.cli.discovery import Entry
from tfrec_recall.cli.runs.trial import Outcome, outcome
from tfrec_recall.cli.runs.tuned_file import changed
from tfrec_recall.cli.runs.unfinished import Unfinished
from tfrec_recall.data.files import replacing

if TYPE_CHECKING:
    from optuna.trial import Trial

    from tfrec_recall.data import Split
    from tfrec_recall.features import Wanted
    from tfrec_recall.search import Study

DEFAULTS, LOG, UNFINISHED = "defaults.json", "trainings.txt", "unfinished"
TAKING_BACK = 0.25  # of the time; with the rest, other settings are tried
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
    def unfinished(self) -> Unfinished:
        """The training that an earlier call did not end, if there is one."""
        return Unfinished(self.folder / UNFINISHED)

    def defaults(self, made_of: str) -> Outcome | None:
        """What the defaults come to, kept from call to call.

        Returns: None where the budget ended them: they go on in the next call.
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
        found = self._outcome({"made_of": made_of}, self.base, ends=self.ends)
        if found.late:
            told = f"The budget ended the defaults, {_far(found.curve)}: nothing was searched; "
            warn((f"{told}the next call goes on with them.", "yellow"))
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as sibling:
            text = json.dumps({**dataclasses.asdict(found), "made_of": made_of})
            sibling.write_text(text, encoding="utf-8")
        return found

    def search(self, study: Study, until: float, trials: int | None) -> int | None:
        """Makes trials until then, or so many; says so where the defaults left no time for one.

        First comes the one that an earlier call did not end. Where the best trial takes longer than
        what is left for taking settings back, they are taken back in between, as trials go on from
        call to call. The search is over before where no other settings are left, or where trials in
        a row are refused.

        Returns: how many of them are left.
        """
        if len(study.tried) == 1 and time.monotonic() >= until:
            took = shown(study.tried[0].seconds)
            told = f"The defaults alone took {took}: nothing was searched; "
            warn((f"{told}the next call goes on from there.", "yellow"))
        refused = 0
        while time.monotonic() < until and trials != 0 and refused < REFUSED:
            trial, back = self._next(study, until)
            if trial is None:
                say("All settings that can be drawn have been tried: the search is over.")
                return trials
            refused = 0 if self._is_made(study, trial, back) else refused + 1
            trials = None if trials is None else trials - 1
            if self._goes_on(study) is not None:  # in the next call, not beyond this one
                return trials
        if refused == REFUSED:
            told = f"{refused} trials in a row cannot be made: the search ends. "
            warn((f"{told}Give --search without the settings that are refused.", "yellow"))
        return trials

    def take_back(self, study: Study, trials: int | None) -> None:
        """Takes back each setting of the best trial alone, as far as time and trials last.

        Where one is better taken back, that is the best trial from then on.
        """
        while trials != 0 and self._goes_on(study) is None:  # which comes first, in the next call
            left = self._left(study)
            if not left or time.monotonic() + study.best.seconds > self.ends:
                return
            self._is_made(study, study.next_without(left[0]), back=left[0])
            trials = None if trials is None else trials - 1

    def not_over(self, study: Study) -> dict[str, Any] | None:
        """The trial that the next call goes on with: its settings, seconds and curve so far."""
        about = self._goes_on(study)
        if about is None:
            return None
        known = {"seconds": 0.0, "curve": [], **self.unfinished.known}
        return {"settings": about["params"], "back": about["back"], **known}

    def _goes_on(self, study: Study) -> dict[str, Any] | None:
        """What the trial is of that a call did not end; None where there is none."""
        about = self.unfinished.about or {}
        if "params" not in about or about["made_of"] != study.made_of:
            return None
        return {name: about[name] for name in ("params", "back")}

    def _next(self, study: Study, until: float) -> tuple[Trial | None, str | None]:
        """The trial that a call did not end, or another one; and the setting that it takes back."""
        about = self._goes_on(study)
        if about is not None:
            return study.again(about["params"], about["back"]), about["back"]
        tried, left = study.tried, self._left(study)
        is_long = until < self.ends and study.best.seconds > self.ends - until
        back = sum(one.seconds for one in tried if one.back is not None)
        if left and is_long and back < TAKING_BACK * sum(one.seconds for one in tried):
            return study.next_without(left[0]), left[0]
        return study.next(), None

    def _left(self, study: Study) -> list[str]:
        """The settings of the best trial of which nothing tells what they bring."""
        known = {*study.brought(), *study.needed()}
        return [name for name in changed(study, study.defaults) if name not in known]

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
            came = f"{_far(found.curve)}, ended by the budget: the next call goes on with it"
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
        before = unfinished.known.get("seconds", 0.0)
        shared = (self.entry, self.split, settings, self.seed, self.repeats, self.columns)
        try:
            found = outcome(*shared, unfinished.folder, **others)
        except Exception:  # perhaps of what it went on from
            unfinished.remove()
            raise
        except BaseException:  # interrupted
            unfinished.keeps(seconds=before + time.monotonic() - began)
            raise
        found = dataclasses.replace(found, seconds=before + found.seconds)
        if found.late:
            unfinished.keeps(seconds=found.seconds, curve=list(found.curve))
        else:
            unfinished.remove()
        return found


@contextlib.contextmanager
def _logged(folder: pathlib.Path, about: str) -> Iterator[None]:
    """What a training tells goes to a file: a search has a line a trial."""
    with open(folder / LOG, "a", encoding="utf-8") as log:
        log.write(f"{about}\n")
        with contextlib.redirect_stderr(log):
            yield


def _far(curve: Sequence[float]) -> str:
    return f"{curve[-1]:.4f} so far" if curve else "before anything was measured"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
