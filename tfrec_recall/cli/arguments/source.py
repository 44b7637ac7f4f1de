"""Where the data of a command is and how it is written, from the command line or an export."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from tfrec_recall.cli.console import waiting, warn

if TYPE_CHECKING:
    from tfrec_recall.data import Interactions, PartedInteractions

DEFAULT = "online-retail"  # travels inside the package
_OPTIONS = {"dtype": "type", "lists": "list", "names": "no_header"}  # others are called alike
_NEGATIVE = {
    "quotes": "--no-quotes",
    "mend_ids": "--keep-ids",
    "drop_bad_rows": "--refuse-bad-rows",
}
KINDS = ("categorical", "multivalued", "numeric", "vector", "words")  # of features, for --columns


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set by name, or files and how they are written.

    Args:
        place: what `--data` says; None is the default.
        users, items: the files of these tables, if they are elsewhere.
        layout: the arguments of `tfrec_recall.data.reading.Layout` that are given.
        columns: those that become features, as `features.infer` takes them; None: what suits.
    """

    place: str | None = None
    users: str | None = None
    items: str | None = None
    layout: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    columns: Sequence[str] | None = None

    @property
    def name(self) -> str:
        """The name or path, as it was given."""
        return self.place or DEFAULT

    @property
    def given(self) -> str:
        """The options that were given, between commas; of none an empty text."""
        every = {"data": self.place, **self._files(), **self.layout, "columns": self.columns}
        return _options_of(every)

    def refuse(self, option: str, why: str) -> None:
        """Raises BadParameter where anything is said of data that nothing would read.

        Args:
            option: by which they are not read.
            why: they are not.
        """
        if self.given:
            raise typer.BadParameter(f"{why}: leave {self.given} out", param_hint=option)

    def load(self) -> Interactions:
        """The data; what was recognised, mended or left out is printed."""
        from tfrec_recall.data import datasets

        options = {
            **{name: value for name, value in self._files().items() if value is not None},
            **self.layout,
        }
        wanted: Sequence[str] = ()
        if self.name in datasets.names():  # they say which become features, and that is all
            wanted = options.pop("columns", None) or ()
        if options and self.name in datasets.names():
            said = ", ".join(_option_of(name, value) for name, value in options.items())
            raise ValueError(
                f"{said} {'is' if len(options) == 1 else 'are'} for folders and files; "
                f"{self.name} is read as it is written."
            )
        saved = self.saved_split()
        if saved is not None:
            raise ValueError(
                f"{self.name} holds a split, which train and evaluate follow. This command takes "
                f"events: --data {saved / 'train'} has those that were learnt from. "
                f"Received: {saved}."
            )
        with telling(), waiting(f"Reading {self.name}"):
            interactions = datasets.load(self.name, **options)
        if not len(interactions.events):
            raise ValueError(
                f"{self.name}: the table of events has no row. Received columns: "
                f"{list(interactions.events)}."
            )
        from tfrec_recall.data.reading.columns import check_known

        tables = ("events", "users", "items")
        check_known("--columns", wanted, {name: getattr(interactions, name) for name in tables})
        return interactions

    def parts(self) -> PartedInteractions | None:
        """The events in parts, where that is what the data are: a folder of `part_events`.

        Raises: ValueError for what says how files are to be read: these were read once.
        """
        place = self._found()
        if place is None:
            return None
        from tfrec_recall.data import PartedInteractions
        from tfrec_recall.data.parted import ABOUT

        if not (place / ABOUT).is_file():
            return None
        at_once = f"--data {place / 'events'} --items {place / 'items.parquet'}"
        self._refuse_layout(f"events in parts, which stay so unless {at_once} reads them at once")
        return PartedInteractions(place)

    def saved_split(self) -> pathlib.Path | None:
        """The folder that `SparkSplit.save` has written, where that is what the data are.

        Raises: as `parts`.
        """
        place = self._found()
        if place is None:
            return None
        from tfrec_recall.data.splits.saved import holds_split

        if not holds_split(place):
            return None
        self._refuse_layout("a split, which is read as it was written")
        return place

    def _found(self) -> pathlib.Path | None:
        """Where the data are; None of a data set by its name, and of what is not there."""
        from tfrec_recall.data import datasets

        return None if self.name in datasets.names() else datasets.found_at(self.name)

    def _refuse_layout(self, what: str) -> None:
        """Raises ValueError for options that say how files are written; columns are features."""
        options = _options_of({**self._files(), **self.layout, "columns": None})
        if options:
            raise ValueError(f"{self.name} holds {what}: leave {options} out. Received: {options}.")

    def _files(self) -> dict[str, str | None]:
        return {"users": self.users, "items": self.items}

    def recorded(self) -> dict[str, Any]:
        """What an export's card keeps, so that the data is found again from anywhere.

        A name is that of the data set even where a folder has this name: `load` says so too.
        """
        from tfrec_recall.data import datasets

        place = datasets.found_at(self.name) or self.name
        found = {
            name: str(pathlib.Path(path).resolve())
            for name, path in {"data": place, **self._files()}.items()
            if path is not None
        }
        if self.name in datasets.names():
            found["data"] = self.name
        return {**found, "layout": dict(self.layout)}

    def or_of_card(self, trained: Mapping[str, Any]) -> Source:
        """This source if it names data; else that of an export, with what is said here instead.

        Raises: FileNotFoundError if that is not where it was; ValueError if the card does not say.
        """
        if self.place is not None:
            return self
        if trained.get("data") is None:
            raise ValueError("The export does not say which data it is from: give --data.")
        layout = dict(trained.get("layout") or {})
        layout.setdefault("rename", parse_pairs(trained.get("rename") or (), "--rename"))
        found = Source(
            trained["data"],
            self.users or trained.get("users"),
            self.items or trained.get("items"),
            {**that_say_something(layout), **self.layout},
        )
        found.check_there()
        return found

    def apart(self, beside: str) -> tuple[Source, dict[str, str]]:
        """This source without what `--rename` says of a file beside the data, and that.

        >>> source = Source(layout={"rename": {"candidates.sku": "item_id"}})
        >>> source.apart("candidates")
        (Source(place=None, users=None, items=None, layout={}, columns=None), {'sku': 'item_id'})
        """
        prefix = f"{beside}."
        rename = self.layout.get("rename", {})
        theirs = {name: ours for name, ours in rename.items() if name.startswith(prefix)}
        rest = {name: ours for name, ours in rename.items() if name not in theirs}
        layout = that_say_something({**self.layout, "rename": rest})
        plain = {name.removeprefix(prefix): ours for name, ours in theirs.items()}
        return dataclasses.replace(self, layout=layout), plain

    def check_there(self) -> None:
        """Raises FileNotFoundError if data of an export are not where they were."""
        from tfrec_recall.data import datasets

        named = {"--data": self.name, "--users": self.users, "--items": self.items}
        for option, path in named.items():
            if path is None or path in datasets.names() or pathlib.Path(path).exists():
                continue
            raise FileNotFoundError(
                f"The export was trained on {path}, which is not there any more: give {option} "
                "with the place where it is now."
            )


@contextlib.contextmanager
def telling(*others: type[Warning]) -> Iterator[None]:
    """Prints the notices of reading data and of splits, also on failure: they may say why.

    Args:
        others: further kinds of warnings that are printed.
    """
    from tfrec_recall.data.notices import ReadingNotice

    kinds: tuple[type[Warning], ...] = (ReadingNotice, *others)
    with warnings.catch_warnings(record=True) as told:
        for kind in kinds:
            warnings.simplefilter("always", kind)
        try:
            yield
        finally:
            for one in told:
                if issubclass(one.category, kinds):
                    warn((str(one.message), "yellow"))


def parse_pairs(pairs: Sequence[str], option: str) -> dict[str, str]:
    """`name=value` of each use of an option.

    >>> parse_pairs(["visitorid=user_id", "items.id=item_id"], "--rename")
    {'visitorid': 'user_id', 'items.id': 'item_id'}
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.rpartition("=") if option == "--rename" else pair.partition("=")
        if not (name and equals and value):
            shape = "theirs=ours" if option == "--rename" else "column=…"
            raise ValueError(f"{option} takes {shape}, one column each. Received: {pair!r}.")
        if name in found:
            raise ValueError(f"{option} has {name!r} twice. Received: {list(pairs)}.")
        found[name] = value
    return found


def parse_columns(lines: Sequence[str]) -> list[str]:
    """The columns of each use of --columns.

    >>> parse_columns(["items.category, age", "title=Words"])
    ['items.category', 'age', 'title=Words']
    """
    return [name.strip() for line in lines for name in line.split(",")]


def without_kind(column: str) -> str:
    """The column's name alone, of `title=Words`.

    >>> without_kind("items.title=Words"), without_kind("a=b")
    ('items.title', 'a=b')
    """
    name, _, kind = column.rpartition("=")
    return name if kind.lower() in KINDS else column


def parse_names(lines: Sequence[str]) -> dict[str, list[str]]:
    """The columns of tables without a header.

    >>> parse_names(["user_id,item_id", "items=item_id,title"])
    {'events': ['user_id', 'item_id'], 'items': ['item_id', 'title']}
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        table, equals, columns = line.rpartition("=")
        table = table if equals else "events"
        names = [name.strip() for name in columns.split(",")]
        if not all(names) or table in found:
            raise ValueError(
                "--no-header takes the columns of a table in order, user_id,item_id,timestamp or "
                f"items=item_id,title. Received: {list(lines)}."
            )
        found[table] = names
    return found


def layout_of(
    rename: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    type: Sequence[str] | None = None,
    list: Sequence[str] | None = None,
    no_header: Sequence[str] | None = None,
    separator: str | None = None,
    **others: Any,
) -> dict[str, Any]:
    """The arguments of `Layout` as the command line writes them."""
    found: dict[str, Any] = {
        "rename": parse_pairs(rename or (), "--rename"),
        "columns": [without_kind(name) for name in parse_columns(columns or ())],
        "dtype": parse_pairs(type or (), "--type"),
        "lists": parse_pairs(list or (), "--list"),
        "names": parse_names(no_header or ()),
        "separator": {"\\t": "\t", "tab": "\t"}.get(separator or "", separator),
        **others,
    }
    return that_say_something(found)


def _option_of(argument: str, value: Any) -> str:
    """The option that says an argument of `layout_of`'s result, or of a table's file.

    >>> _option_of("dtype", {"zip": "str"}), _option_of("mend_ids", False), _option_of("users", "u")
    ('--type', '--keep-ids', '--users')
    """
    if value is False:
        return _NEGATIVE[argument]
    return f"--{_OPTIONS.get(argument, argument).replace('_', '-')}"


def _options_of(given: Mapping[str, Any]) -> str:
    return ", ".join(_option_of(n, value) for n, value in that_say_something(given).items())


def that_say_something(layout: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a layout that are not empty; False says something, too.

    >>> that_say_something({"quotes": False, "rename": {}, "encoding": None})
    {'quotes': False}
    """
    return {name: value for name, value in layout.items() if value not in (None, [], {})}
