"""The options by which an index is chosen, and the index that they mean."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tfrec_recall.retrieval import IndexSettings


class Kind(enum.StrEnum):
    auto = "auto"
    exact = "exact"
    scann = "scann"
    inverted_file = "inverted-file"


ScannOps = Annotated[
    bool,
    typer.Option(
        "--scann-ops/--no-scann-ops",
        help="Whether the server that loads the export has ScaNN's operations.",
    ),
]


Recall = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="How many of the exact best items approximate search has to find, such as 0.99; 0.95 "
        "unless given.",
        show_default=False,
    ),
]


Int8 = Annotated[
    bool,
    typer.Option(
        "--int8",
        help="Of an inverted file: choose candidates by vectors of a quarter of the size, which "
        "are kept beside the exact ones that score them.",
    ),
]


def check_server(kind: Kind, scann_ops: bool) -> None:
    """Refuses an index that the server cannot run."""
    if kind is Kind.scann and not scann_ops:
        raise typer.BadParameter(
            "--no-scann-ops says that the server has not what --index scann needs: take "
            "inverted-file or auto",
            param_hint="--index",
        )


def check_recall(kind: Kind | None, recall: float | None) -> None:
    """Refuses a recall that no index can be tuned to."""
    if recall is None:
        return
    if kind is Kind.exact:
        raise typer.BadParameter(
            "--index exact finds all: take another index, or leave --recall out",
            param_hint="--recall",
        )
    if not 0 < recall < 1:
        raise typer.BadParameter(
            f"a share between 0 and 1, such as 0.99. Received: {recall}.", param_hint="--recall"
        )


def check_int8(kind: Kind | None, int8: bool) -> None:
    """Refuses shortened vectors where no index would have them."""
    if int8 and kind is not Kind.inverted_file:
        raise typer.BadParameter("it is of --index inverted-file", param_hint="--int8")


def index_of(
    kind: Kind, scann_ops: bool = True, recall: float | None = None, int8: bool = False
) -> IndexSettings:
    """The settings of an index by its name on the command line."""
    from tfrec_recall import retrieval

    share = retrieval.Auto().recall if recall is None else recall
    if kind is Kind.auto:
        return retrieval.Auto(share, scann_ops)
    if kind is Kind.inverted_file:
        return retrieval.InvertedFile(share, int8=int8)
    return retrieval.ScaNN(share) if kind is Kind.scann else retrieval.Exact()
