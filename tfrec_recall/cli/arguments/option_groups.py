"""Options that go together: commands take what they make, as one argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

Command = Callable[..., None]


def takes(argument: str, made_by: Callable[..., Any]) -> Callable[[Command], Command]:
    """A command whose argument is made of the options of `made_by`, the same everywhere.

    The parameters of `made_by` stand in the command's signature after its own that have no
    default.

    >>> def greeting(name: str = "you", loud: bool = False) -> str:
    ...     return f"hello {name}".upper() if loud else f"hello {name}"
    >>> @takes("said", made_by=greeting)
    ... def tell(times: int, said: str) -> None:
    ...     print(" ".join([said] * times))
    >>> tell(times=2, name="all", loud=True)
    HELLO ALL HELLO ALL
    """

    def decorated(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True)
        added = inspect.signature(made_by, eval_str=True).parameters
        kept = [one for name, one in own.parameters.items() if name != argument]
        first = sum(one.default is inspect.Parameter.empty for one in kept)

        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            options = {name: given.pop(name) for name in added if name in given}
            command(**{argument: made_by(**options)}, **given)

        parameters = [*kept[:first], *added.values(), *kept[first:]]
        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
        with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {one.name: one.annotation for one in parameters}
        return with_options

    return decorated
