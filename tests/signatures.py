"""What constructors take."""

from __future__ import annotations

import inspect


def arguments_of(cls: type) -> dict[str, inspect.Parameter]:
    """The arguments of a class's constructor, by name.

    Of a class that inherits `__init__`, `inspect.signature(cls)` of Python 3.11.2 has what Keras'
    `__new__` takes.
    """
    _, *parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return {parameter.name: parameter for parameter in parameters}
