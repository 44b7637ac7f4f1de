"""What an export says about itself, as plain JSON beside the graph."""

import datetime
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall.export.repository import repository
from tfrec_recall.retrieval import Retriever

PACKAGES = (
    *("tfrec-recall", "tensorflow", "tf-keras", "tensorflow-recommenders", "scann"),
    *("numpy", "pandas", "pyarrow", "scipy"),
)


def model_card(
    retriever: Retriever,
    signatures: Mapping[str, Any],
    metrics: Mapping[str, Any] | None,
    data: Any,
    features: Any,
) -> dict[str, Any]:
    """The card as plain values.

    Raises: TypeError that names what JSON cannot hold.
    """
    card = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "retriever": retriever.report,
        "items": len(retriever.item_ids),
        "k": retriever.k,
        "inputs": _specs(retriever.inputs),
        "signatures": {name: _signature(function) for name, function in signatures.items()},
        "metrics": metrics or {},
        "data": data,
        "features": features,
        "git": repository(),
        "packages": {"python": platform.python_version(), **_installed()},
    }
    return {name: plain(value, name) for name, value in card.items()}


def dumps(card: Mapping[str, Any]) -> str:
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _signature(function: Any) -> dict[str, Any]:
    _, inputs = function.structured_input_signature
    return {"inputs": _specs(inputs), "outputs": _specs(function.structured_outputs)}


def _specs(specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in specs.items()
    }


def _installed() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def plain(value: Any, where: str) -> Any:
    """The value in JSON's own types; NaN and infinities, which JSON lacks, become null."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(part, f"{where}[{key!r}]") for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part, f"{where}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    raise TypeError(
        "A model card holds plain values: text, numbers, lists and dictionaries. "
        f"Received: {where} is a {type(value).__name__}."
    )
