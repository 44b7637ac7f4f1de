"""What the models with two towers refuse."""

from __future__ import annotations

from collections.abc import Sequence

from tfrec_recall.data.arguments import number, whole, widths


def check_towers(
    owner: str,
    dim: int | None,
    hidden: Sequence[int],
    dropout: float,
    temperature: float | None,
    item_hidden: Sequence[int] = (),
) -> None:
    """Raises ValueError by name for a size or a rate that cannot be meant."""
    whole(owner, dim, "dim", optional=True)
    widths(owner, hidden, "hidden")
    widths(owner, item_hidden, "item_hidden")
    number(owner, dropout, "dropout", least=0, below=1)
    number(owner, temperature, "temperature", above=0, optional=True)
