"""What the models of sequences refuse."""

from __future__ import annotations

from typing import Any

from tfrec_recall.data.arguments import flag, number, whole


def check_sequence_model(
    owner: str, *, dim: int, dropout: float, temperature: float | None, **flags: Any
) -> None:
    """Raises ValueError by name for a size, a rate or a flag that cannot be meant."""
    whole(owner, dim, "dim")
    number(owner, dropout, "dropout", least=0, below=1)
    number(owner, temperature, "temperature", above=0, optional=True)
    for name, value in flags.items():
        flag(owner, value, name)
