"""What the models with two towers refuse."""

from __future__ import annotations

from collections.abc import Sequence

from tfrec_recall.data.arguments import number, whole, widths
from tfrec_recall.layers.activations import activation_of


def check_towers(
    owner: str,
    dim: int | None,
    hidden: Sequence[int],
    dropout: float,
    temperature: float | None,
    item_hidden: Sequence[int] = (),
    **activations: str | None,
) -> None:
    """Raises ValueError by name for a size, a rate or an activation that cannot be meant."""
    whole(owner, dim, "dim", optional=True)
    widths(owner, hidden, "hidden")
    widths(owner, item_hidden, "item_hidden")
    number(owner, dropout, "dropout", least=0, below=1)
    number(owner, temperature, "temperature", above=0, optional=True)
    for name, activation in activations.items():
        activation_of(owner, activation, name)
