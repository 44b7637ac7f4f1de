"""What the models of sequences refuse."""

from __future__ import annotations

from tfrec_recall.data.arguments import number, whole


def check_sequence_model(owner: str, dim: int, dropout: float, temperature: float | None) -> None:
    """Raises ValueError by name for a size or a rate that cannot be meant."""
    whole(owner, dim, "dim")
    number(owner, dropout, "dropout", least=0, below=1)
    number(owner, temperature, "temperature", above=0, optional=True)
