"""Trials of settings on disk: what to try next, what to give up, what each setting brought."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import random
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import Trial, TrialState

from tfrec_recall.search.space import Space

RANDOM = 6  # trials before the search draws by what it has seen
FEW = 4  # trials that tell how others go before one is given up
BEST_SHARE = 40  # per cent: a trial that is not among them is given up
ENOUGH = 8  # whole trials, for importances
REFUSED = "refused"  # marks a trial whose settings the model has refused
Settings = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Tried:
    """What one trial came to.

    Args:
        number: from 0, which are the defaults.
        settings: those that are searched.
        value: the figure on validation; of one that was given up, the best until then.
        whole: it was trained to its end.
        seconds: that it took.
        back: the setting that was taken back to its default, of a trial for that alone.
        curve: the figure each time that it was measured, best or not.
    """

    number: int
    settings: Settings
    value: float | None
    whole: bool
    seconds: float
    back: str | None = None
    curve: Sequence[float] = ()


class Study:
    """A search that goes on where it stopped; more is better.

    Args:
        folder: where it is kept.
        space: what is searched.
        made_of: a text that is another one where figures would not be comparable.
        seed: of what is drawn.

    Raises: ValueError where the folder holds the search of something else.
    """

    def __init__(self, folder: pathlib.Path, space: Space, made_of: str, seed: int = 0):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(folder / "trials.log")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is called experimental
            self._study = optuna.create_study(
                storage=storage,
                study_name="tune",
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.PercentilePruner(
                    BEST_SHARE, n_startup_trials=FEW, n_warmup_steps=1
                ),
            )
        kept = self._study.user_attrs.setdefault("made_of", made_of)
        if kept != made_of:
            there = {name for one in self._study.trials[:1] for name in one.params}
            raise ValueError(
                f"{folder} holds a search over other data, another protocol or other settings: "
                f"give another --out. Received: a search of {', '.join(sorted(space.defaults))}; "
                f"there {', '.join(sorted(there)) or 'none'}."
            )
        self._study.set_user_attr("made_of", made_of)
        self.made_of = made_of
        for trial in self._study.get_trials(states=[TrialState.RUNNING]):
            self._study.tell(trial.number, state=TrialState.FAIL)  # of a call that was killed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=RANDOM, multivariate=True, seed=seed + len(self._study.trials)
            )
        self._space = space
        self._distributions: dict[str, BaseDistribution] = space.distributions()

    def add_defaults(self, value: float, seconds: float, curve: list[float]) -> None:
        """The first trial, which was made outside: the defaults."""
        self._study.add_trial(
            optuna.trial.create_trial(
                params=self._space.kept(self._space.defaults),
                distributions=self._distributions,
                value=value,
                intermediate_values=dict(enumerate(curve)),
                user_attrs={"seconds": seconds},
            )
        )

    def next(self) -> Trial | None:
        """The next trial to make, whose `settings` no other has had.

        Returns: None where all settings that there are were tried or refused.
        """
        trial = self._study.ask(self._distributions)
        values = [_values(one) for one in self._distributions.values()]
        finite = [one for one in values if one is not None]
        known = self._known()
        if len(finite) < len(values) or self._key(trial.params) not in known:
            return trial
        self._study.tell(trial, state=TrialState.FAIL)  # its figure is known: another is drawn
        by_chance = random.Random(trial.number)
        mixed = [by_chance.sample(one, len(one)) for one in finite]
        left = next((one for one in itertools.product(*mixed) if one not in known), None)
        if left is None:
            return None
        return self.again(dict(zip(self._distributions, left, strict=True)))

    def next_without(self, setting: str) -> Trial:
        """The best settings with one of them as it is by default."""
        params = {**self.best.settings, setting: self.defaults[setting]}
        return self.again(params, setting)

    def again(self, params: Settings, back: str | None = None) -> Trial:
        """A trial of these settings, known or not; `back` as in `Tried`."""
        kept, about = self._space.kept(params), {} if back is None else {"back": back}
        self._study.enqueue_trial(kept, user_attrs=about)
        return self._study.ask(self._distributions)

    def settings(self, trial: Trial) -> Settings:
        """Those of a trial."""
        return self._space.read(trial.params)

    def refuse(self, trial: Trial) -> None:
        """The model has refused a trial's settings, which are not drawn again."""
        trial.set_user_attr(REFUSED, True)
        self._study.tell(trial, state=TrialState.FAIL)

    def tell(self, trial: Trial, value: float | None, seconds: float, whole: bool = True) -> None:
        """What a trial came to; without a value it was given up, or is nobody's figure."""
        trial.set_user_attr("seconds", round(seconds, 2))
        if value is not None and whole:
            self._study.tell(trial, value)
        else:
            self._study.tell(trial, state=TrialState.FAIL if whole else TrialState.PRUNED)

    @property
    def tried(self) -> list[Tried]:
        """All trials that came to something."""
        found = []
        for trial in self._study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED]):
            whole = trial.state is TrialState.COMPLETE
            value = trial.value if whole else max(trial.intermediate_values.values(), default=None)
            seconds, back = (trial.user_attrs.get(name) for name in ("seconds", "back"))
            settings = self._space.read(trial.params)
            curve = list(trial.intermediate_values.values())
            found.append(Tried(trial.number, settings, value, whole, seconds or 0.0, back, curve))
        return found

    @property
    def best(self) -> Tried:
        """The best of the whole trials, the first among equals."""
        return max((one for one in self.tried if one.whole), key=lambda one: one.value or 0.0)

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Of the settings that are searched."""
        return self._space.defaults

    def needed(self) -> list[str]:
        """The settings of the best trial that the model has refused to have taken back."""
        refused, best = self._refused(), self._space.kept(self.best.settings)
        back = self._space.kept(self.defaults)
        return [name for name in best if self._key({**best, name: back[name]}) in refused]

    def importances(self) -> Mapping[str, float]:
        """How much of what parts good trials from others each setting tells; empty of few trials.

        By PED-ANOVA, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
        Subspaces", IJCAI 2023.
        """
        whole = [one for one in self.tried if one.whole]
        if len(whole) < ENOUGH or len({one.value for one in whole}) < 2:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            evaluator = PedAnovaImportanceEvaluator(target_quantile=0.25)
            return get_param_importances(self._study, evaluator=evaluator)

    def brought(self) -> dict[str, float]:
        """What the best trial is above itself with one setting taken back, of those tried."""
        best, start, found = self.best, self.defaults, {}
        for one in self.tried:
            other = [name for name in start if one.settings[name] != best.settings[name]]
            if one.whole and len(other) == 1 and one.settings[other[0]] == start[other[0]]:
                found[other[0]] = (best.value or 0.0) - (one.value or 0.0)
        return found

    def _key(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(params[name] for name in self._distributions)

    def _known(self) -> set[tuple[Any, ...]]:
        """The settings that came to something, or that were refused."""
        ended = self._study.get_trials(
            deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)
        )
        return {*(self._key(one.params) for one in ended), *self._refused()}

    def _refused(self) -> set[tuple[Any, ...]]:
        failed = self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        return {self._key(one.params) for one in failed if one.user_attrs.get(REFUSED)}


def _values(distribution: BaseDistribution) -> Sequence[Any] | None:
    """All that may be drawn from it; None where that has no end."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    return None
