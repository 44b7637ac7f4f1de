"""`tfrec-recall show`."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.console import results, warn
from tfrec_recall.cli.outputs import output
from tfrec_recall.cli.updates import UPDATED, told_of_update

UNKNOWN = "not told"
SETTINGS = ("epochs", "batch_size", "learning_rate", "optimizer", "dim")
INDEXES = {"": "index", "similar items": "similar_items_index"}  # in a retriever's report
CUT = re.compile(r"(?P<metric>.+)@(?P<cut>[1-9][0-9]*)")


def show(export: options.Export, json: options.Card = None) -> None:
    """Show what an export is: its data, index, signatures and figures, by its model card.

    Nothing is loaded, and the graph is not looked at: `recommend` and `evaluate` ask it.
    """
    from tfrec_recall.export.version_files import card_of, newest_version
    from tfrec_recall.export.versions import versions

    target = output(json, "--json")
    version = newest_version(export)
    card = card_of(version)
    if not card:
        raise ValueError(
            f"{version} has no model card that can be read: it was written by another program, or "
            "its assets.extra was left behind when it was copied."
        )
    beside = target.tables() if target else results()
    _facts(beside, version, versions(version.parent), card)
    _signatures(beside, card.get("signatures") or {})
    _metrics(beside, card.get("metrics") or {})
    for name, index in indexes(card.get("retriever") or {}).items():
        if index.get("warning"):
            warn((f"Index{f' of {name}' if name else ''}: {index['warning']}", "yellow"))
    warmup = card.get("warmup") or {}
    if warmup.get("why"):
        warn((f"No warm-up requests: {warmup['why']}.", "yellow"))
    for name, why in (warmup.get("refused") or {}).items():
        warn((f"No warm-up request of {name}, which refuses it: {why}.", "yellow"))
    if target is not None:
        target.write_json({"export": str(version), "bytes": _size(version), **card})


def _facts(on: Console, version: pathlib.Path, others: list[int], card: Mapping[str, Any]) -> None:
    told = card.get("data")
    trained = told if isinstance(told, dict) else {"data": told}  # of an export made in Python
    settings = trained.get("settings") or {}
    retriever = card.get("retriever") or {}
    packages = card.get("packages") or {}
    facts = {
        "export": str(version),
        "versions": ", ".join(map(str, others)) or UNKNOWN,
        "size": f"{_size(version) / 2**20:,.1f} MiB",
        "created": card.get("created"),
        "model": trained.get("model"),
        "data": trained.get("data"),
        "rows": _pairs({name: f"{n:,}" for name, n in (trained.get("rows") or {}).items()}),
        "fingerprint": trained.get("fingerprint"),
        "split": trained.get("split"),
        "seed": trained.get("seed"),
        "settings": _pairs({name: settings[name] for name in SETTINGS if name in settings}),
        "items": f"{card['items']:,}" if "items" in card else None,
        "list": f"{card['k']} items" if "k" in card else None,
        "retriever": retriever.get("kind"),
        "index": _indexes(retriever),
        "features": _features(card.get("features")),
        "commit": commit(card),
        **_updated(trained),
        **_reindexed(card.get("reindexed")),
        "warm-up": f"{(card.get('warmup') or {}).get('requests', 0)} requests",
        "packages": _pairs(packages),
    }
    table = Table(box=SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, UNKNOWN if value in (None, "") else str(value))
    on.print(table)


def _signatures(on: Console, signatures: Mapping[str, Any]) -> None:
    table = Table(
        *("signature", "takes", "gives"), title="Signatures", title_justify="left", box=SIMPLE_HEAD
    )
    for name, signature in signatures.items():
        table.add_row(name, _tensors(signature["inputs"]), _tensors(signature["outputs"]))
    on.print(table)


def _metrics(on: Console, metrics: Mapping[str, Any]) -> None:
    """A row a metric, a column a cut; what has no cut stands below."""
    if not metrics:
        on.print("No figures: it was exported without metrics.")
        return
    by_cut = {name: found for name in metrics if (found := CUT.fullmatch(name))}
    cuts = sorted({int(found["cut"]) for found in by_cut.values()})
    table = Table("metric", title="Figures", title_justify="left", box=SIMPLE_HEAD)
    for cut in cuts:
        table.add_column(f"@{cut}", justify="right")
    for metric in dict.fromkeys(found["metric"] for found in by_cut.values()):
        cells = [f"{metric}@{cut}" for cut in cuts]
        table.add_row(metric, *(_figure(metrics[one]) if one in metrics else "" for one in cells))
    if by_cut:
        on.print(table)
    others = {name: _figure(value) for name, value in metrics.items() if name not in by_cut}
    if others:
        on.print(_pairs(others), soft_wrap=True)


def _updated(trained: Mapping[str, Any]) -> dict[str, str]:
    """Of a version that has learnt more than its training did: from which one it goes on."""
    update = told_of_update(trained)
    return {UPDATED: update} if update else {}


def _reindexed(told: Mapping[str, Any] | None) -> dict[str, str]:
    """Of a version over other items, from which one it was made."""
    if not told:
        return {}
    counts = {name: told[name] for name in ("added", "removed", "changed") if name in told}
    return {"reindexed": f"from version {told.get('from')}: {_pairs(counts)}"}


def commit(card: Mapping[str, Any]) -> str:
    """The commit of the project where it was exported, if there was one."""
    git = card.get("git") or {}
    return f"{git.get('commit', '')}{', with changes' if git.get('changed') else ''}"


def indexes(retriever: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What the indexes of a retriever say of themselves, those of a blend by channel.

    That of similar items is another one where lists of users are not by the cosine alone.

    >>> indexes({"index": {"kind": "exact"}, "similar_items_index": {"kind": "scann"}})
    {'': {'kind': 'exact'}, 'similar items': {'kind': 'scann'}}
    >>> indexes({"channels": {"near": {"index": {"kind": "scann"}}, "popular": {}}})
    {'near': {'kind': 'scann'}}
    """
    found = {name: retriever[key] for name, key in INDEXES.items() if retriever.get(key)}
    for channel, one in (retriever.get("channels") or {}).items():
        found |= {f"{channel}/{name}".rstrip("/"): index for name, index in indexes(one).items()}
    return found


def _indexes(retriever: Mapping[str, Any]) -> str:
    """A text of each, after the name of its channel."""
    each = indexes(retriever).items()
    return "; ".join(f"{name}: {_index(one)}" if name else _index(one) for name, one in each)


def _index(index: Mapping[str, Any]) -> str:
    """The kind, what it found of the items that an exact search finds, and why it is this one."""
    told = _kind(index)
    if missed := replaced(index):
        told += f", instead of {missed}"
    return f"{told} (chosen by Auto: {index['why']})" if index.get("why") else told


def replaced(index: Mapping[str, Any]) -> str | None:
    """The index that missed its recall, where exact search serves instead.

    >>> replaced({"instead_of": {"kind": "scann", "recall": 0.8, "settings": {"recall": 0.95}}})
    'scann, recall 0.800 of 0.95 asked for'
    """
    return _kind(index["instead_of"]) if index.get("instead_of") else None


def _kind(index: Mapping[str, Any]) -> str:
    """The kind, and its recall, beside the one that was asked for where it is less."""
    recall, asked = index.get("recall"), (index.get("settings") or {}).get("recall")
    told = "recall not measured" if recall is None else f"recall {recall:.3f}"
    if recall is not None and asked is not None and recall < asked:
        told += f" of {asked} asked for"
    return f"{index.get('kind', UNKNOWN)}, {told}"


def _features(features: Any) -> str:
    """What a model learns from; what an export was given otherwise stands as it is."""
    if not isinstance(features, list):
        return str(features or "")
    told = [one for one in features if isinstance(one, dict) and {"side", "name", "kind"} <= {*one}]
    if len(told) < len(features):
        return ", ".join(map(str, features))
    return ", ".join(f"{one['side']}.{one['name']} ({one['kind']})" for one in told)


def _tensors(specs: Mapping[str, Any]) -> str:
    """Each tensor as `name: type [axes]`, ? for an axis of any size."""
    lines = []
    for name, spec in specs.items():
        axes = ["?" if size is None else str(size) for size in spec["shape"]]
        lines.append(f"{name}: {spec['dtype']} [{', '.join(axes)}]")
    return "\n".join(lines)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _figure(value: Any) -> str:
    """A number as a reader takes it; whatever else was exported as a figure as it is."""
    if value is None:
        return UNKNOWN
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:,.4f}"


def _size(version: pathlib.Path) -> int:
    """Bytes of the files of a version."""
    return sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
