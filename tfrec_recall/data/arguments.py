"""Arguments of constructors, refused by name where their value cannot be meant; see `_arguments`,
which layers and losses read as well."""

from tfrec_recall._arguments import (
    Auto,
    flag,
    flags,
    kind,
    number,
    plain,
    refuse,
    whole,
    widths,
    without_effect,
)

__all__ = [
    "Auto",
    "flag",
    "flags",
    "kind",
    "number",
    "plain",
    "refuse",
    "whole",
    "widths",
    "without_effect",
]
