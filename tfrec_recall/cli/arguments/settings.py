"""Settings of a training run: how it trains, and the arguments of the model's constructor."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import json
import math
import pathlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PUBLISHED = "published"
NOT_SETTINGS = ("self", "features", "kwargs", "args")
OF_FEATURES = ("min_count", "hash_buckets")  # numbers by the names of features
OPTIMIZERS = ("Adam", "FusedAdam", "LazyAdam", "RowWiseAdagrad")


@dataclasses.dataclass(frozen=True)
class Training:
    """How a model is trained; the same for all models.

    Args:
        epochs: at most; where none are given, as many more as `patience` waits for each drop of the
            rate.
        batch_size: examples in a step; None is the default of the model's training data.
        learning_rate: of Adam, or of the paper's optimiser.
        patience: epochs without a better recall@50 on validation, after which training goes back to
            the best epoch. None is 4, and as many as have 1,000 steps where validation is held back
            for a trial: epochs of few steps say nothing yet.
        rate_drops: how often it learns on from there at a lower rate, before it stops. None is 2
            where the events have no times, and 0 where they have, of a paper's training, and of
            models with a schedule of their own: on validation that brought .006 of recall@50 to
            `two-tower` on Gowalla and .002 on MovieLens-100k, and nothing on Online Retail and
            Beauty.
        rate_factor: of the rate, at each drop.
        weight_decay: decoupled, as in AdamW; 0 has none.
        optimizer: one of `OPTIMIZERS`; None is the model's own choice, which follows its tables, or
            what its paper names. The rate of RowWiseAdagrad is .05 unless one is given.
    """

    epochs: int = 40
    batch_size: int | None = None
    learning_rate: float = 2e-3
    patience: int | None = None
    rate_drops: int | None = dataclasses.field(default=None, metadata={"least": 0})
    rate_factor: float = 0.2
    weight_decay: float = 0.0
    optimizer: str | None = dataclasses.field(default=None, metadata={"names": OPTIMIZERS})

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if "names" in field.metadata:
                if value not in field.metadata["names"]:
                    known = ", ".join(field.metadata["names"])
                    raise ValueError(f"{field.name} is one of {known}. Received: {value!r}.")
                continue
            whole = field.type != "float"
            least = field.metadata.get("least", 1 if whole else 0.0)
            number = isinstance(value, int if whole else (int, float))
            # To Python, True and False are integers, and NaN is not below anything.
            if not number or isinstance(value, bool) or not least <= value < math.inf:
                kind = "a whole number" if whole else "a number"
                raise ValueError(f"{field.name} is {kind} from {least} up. Received: {value!r}.")
        if not self.learning_rate:
            raise ValueError(
                "learning_rate is a number above 0: at 0 nothing is learnt. "
                f"Received: {self.learning_rate!r}."
            )
        if not 0 < self.rate_factor < 1:
            raise ValueError(
                f"rate_factor is a number between 0 and 1. Received: {self.rate_factor!r}."
            )


def read(path: pathlib.Path) -> dict[str, Any]:
    """The settings in a JSON or TOML file.

    Raises: ValueError when the file is neither, or is damaged.
    """
    readers = {".json": json.loads, ".toml": tomllib.loads}
    if path.suffix not in readers:
        raise ValueError(f"Settings are a .json or .toml file. Received: {path}.")
    try:
        settings = readers[path.suffix](path.read_text(encoding="utf-8"))
    except ValueError as error:  # both decoding errors are ValueErrors
        raise ValueError(f"{path} cannot be read: {error}.") from error
    if not isinstance(settings, dict):
        raise ValueError(
            f'{path} holds names and values, {{"epochs": 20}}. '
            f"Received: a {type(settings).__name__}."
        )
    return settings


def read_all(sources: Sequence[str]) -> tuple[bool, dict[str, Any]]:
    """What `--settings` names: whether "published" is among it, and what its files hold.

    Of a setting that several files hold, the last counts; each of them outdoes the paper's.

    Raises: ValueError for a file that cannot be read.
    """
    settings: dict[str, Any] = {}
    for source in sources:
        if source != PUBLISHED:
            settings |= read(pathlib.Path(source))
    return PUBLISHED in sources, settings


def separate(
    settings: Mapping[str, Any], model_class: type, name: str
) -> tuple[Training, dict[str, Any]]:
    """The settings as those of training and those of the model, every one of them known.

    Returns: training, and all arguments of the model's constructor, defaults included.
    Raises: ValueError for an unknown setting, which lists the known ones.
    """
    training = [field.name for field in dataclasses.fields(Training)]
    model = _arguments(model_class)
    for setting in settings:
        if setting not in (*training, *model, *OF_FEATURES):
            close = difflib.get_close_matches(setting, [*training, *model, *OF_FEATURES], n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ValueError(
                f"{name} has no setting {setting!r}.{hint} Known are, for training: "
                f"{', '.join(training)}; for its features: {', '.join(OF_FEATURES)}; for the "
                f"model: {', '.join(model) or 'none'}."
            )
    chosen = {key: value for key, value in settings.items() if key in training}
    return Training(**chosen), {key: settings.get(key, value) for key, value in model.items()}


def of_features(settings: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """What settings say of features: for each of `OF_FEATURES` that is given, numbers by feature.

    Raises: ValueError for what are no whole numbers by names.

    >>> of_features({"epochs": 3, "min_count": {"item_id": 5}})
    {'min_count': {'item_id': 5}}
    """
    found = {name: settings[name] for name in OF_FEATURES if name in settings}
    for name, given in found.items():
        numbers: Iterable[Any] = given.values() if isinstance(given, Mapping) else [None]
        if any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in numbers):
            raise ValueError(
                f"{name} has a whole number from 1 up for each feature, as in "
                f"{name} = {{ user_id = 5 }}. Received: {given!r}."
            )
    return {name: dict(given) for name, given in found.items()}


def _arguments(model_class: type) -> dict[str, Any]:
    """Arguments of the constructor that have a default, and the defaults."""
    parameters = inspect.signature(model_class.__init__).parameters  # type: ignore[misc]
    return {
        name: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        for name, parameter in parameters.items()
        if name not in NOT_SETTINGS and parameter.default is not parameter.empty
    }
