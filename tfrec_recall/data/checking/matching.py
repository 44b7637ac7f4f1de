"""Whether the ids of two tables can meet: blanks around them, `13.0` beside `13`, lost zeros, é.

Such ids are other ids by the rule of `tfrec_recall.data.ids`, and nobody means them to be. They are
refused, or mended on request; never taken for new users and items in silence.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tfrec_recall.data.columns.among import among
from tfrec_recall.data.ids import of_categories, refuse
from tfrec_recall.data.notices import Strangers, tell

ALMOST_NONE = 0.05  # of the ids of the smaller table
MOST = 0.5  # of the ids of the events
# What is not seen at the ends of text: blanks of all widths, and marks without any.
_BLANKS = " \t\n\r\v\f\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff"
_AROUND = rf"(?:\A[{_BLANKS}]+|[{_BLANKS}]+\z)"
_DRESSED = rf"(?:\A[{_BLANKS}]|[{_BLANKS}]\z|\A-?[0-9]+\.0+[{_BLANKS}]*\z)"
SHORTENED = r"[0-9][.,][0-9]{1,5}E\+[0-9]{2}"  # a long number as a spreadsheet shows it
ROUNDED = r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{2}"  # or as any program writes a double
_KEEP = "mend_ids=False (--keep-ids) takes every id as it is."
_WAYS = f"mend_ids=True (--mend-ids) makes one id of them and says so; {_KEEP}"
# What ids of two tables may differ by that nothing mends, and what leaves it out.
_OTHERWISE: tuple[tuple[str, Callable[[pd.Series], pd.Series]], ...] = (
    ("capital letters", lambda ids: ids.str.casefold()),
    ("characters of other widths", lambda ids: ids.str.normalize("NFKC")),
    ("signs among letters and digits", lambda ids: ids.str.replace(r"[\W_]", "", regex=True)),
    (
        "what stands around their digits",
        lambda ids: ids.str.replace(r"\D", "", regex=True).str.replace(
            r"^0+([0-9])", r"\1", regex=True
        ),
    ),
)


def bare(ids: pd.Series) -> pd.Series:
    """Text ids without blanks around them and the `.0` of a whole number, é as one character.

    >>> bare(pd.Series([" 13", "13.0", "13.5", "a b ", "e\u0301"])).tolist()
    ['13', '13', '13.5', 'a b', 'é']
    """
    text = pa.array(ids, pa.large_string())
    text = pc.replace_substring_regex(pc.utf8_normalize(text, "NFC"), _AROUND, "")
    text = pc.replace_substring_regex(text, r"\A(-?[0-9]+)\.0+\z", r"\1")
    return text.to_pandas().astype("str").set_axis(ids.index).rename(ids.name)


def without_zeros(ids: pd.Series) -> pd.Series:
    """Ids as bare text, numbers among them without leading zeros."""
    text = bare(ids.astype("str"))
    return text.str.replace(r"^0+([0-9]+)$", r"\1", regex=True)


def check(
    met: pd.Series, ids: pd.Series | None, table: str, column: str, source: str = "events"
) -> None:
    """Raises the ValueError of ids that were written in two ways.

    Args:
        met: the ids of the events, each once.
        ids: those of the users or items; None where there is no such table.
        table, column, source: what errors call them, the events last.
    """
    is_text = isinstance(met.dtype, pd.StringDtype)
    if is_text:
        places = source if ids is None else f"{source} and {table}"
        every = met if ids is None else pd.concat([met, ids[~among(ids, met)]])
        _refuse_two_forms(every, places, column)
        _tell_of_shortened(every, places, column)
    if ids is None or len(ids) == 0 or len(met) == 0:
        return
    known = among(met, ids)
    if known.all():
        return
    absent = met[~known]
    if known.sum() >= ALMOST_NONE * min(len(met), len(ids)):
        if is_text:
            _refuse_lost_zeros(absent, ids, table, column, source)
        if len(absent) > MOST * len(met):
            tell(
                f"{table}: {len(absent):,} of {len(met):,} {column}s of {source} are not there, "
                f"such as {_listed(absent)}, so that nothing else is known of them."
            )
        return
    near, ways = absent.iloc[:0], f"Write both alike. {_KEEP}"
    hint = "Do both tables speak of the same ids?"
    if is_text:
        same = bare(absent).isin(bare(ids))
        near = absent[same | absent.isin(by_zeros(absent, ids).index)]
        if known.sum() + len(near) >= ALMOST_NONE * min(len(met), len(ids)):  # else it comes again
            ways = _WAYS
            hint = f"Without leading zeros, {len(near):,} would be: a program read text as numbers."
            if same.any():
                hint = f"Without blanks around ids and with accents alike, {same.sum():,} would be."
        else:
            near = absent.iloc[:0]
            hint = _other_hint(absent, ids) or hint
    raise ValueError(
        f"{table}: almost no {column} of {source} is there: {known.sum():,} of {len(met):,}, and "
        f"{table} has {len(ids):,}. {hint} {ways} Received: "
        f"{_listed(near if len(near) else absent)} in {source}, {_listed(ids)} in {table}."
    )


def _other_hint(absent: pd.Series, ids: pd.Series) -> str | None:
    """What most of the ids differ by, if that is all."""
    for called, left_out in _OTHERWISE:
        forms = left_out(absent)
        alike = int((forms.isin(left_out(ids)) & (forms != "")).sum())
        if alike > MOST * min(len(absent), len(ids)):
            return f"But for {called}, {alike:,} would be."
    return None


def tell_of_strangers(met: pd.Series, ids: pd.Series, table: str, column: str) -> None:
    """Tells of ids that are taken as they are where almost none of the events' is in the table."""
    known = among(met, ids)
    if len(met) and len(ids) and known.sum() < ALMOST_NONE * min(len(met), len(ids)):
        tell(
            f"{table}: {(~known).sum():,} of {len(met):,} {column}s of events are not there, such "
            f"as {_listed(met[~known])}, and become {table} of which nothing else is known, beside "
            f"the {len(ids):,} that are.",
            Strangers,
        )


def _refuse_lost_zeros(
    absent: pd.Series, ids: pd.Series, table: str, column: str, source: str
) -> None:
    """Where ids are long enough to have no zeros, they meet whatever a program made of the rest."""
    near = by_zeros(absent, ids)
    if len(near) > MOST * len(absent):
        raise ValueError(
            f"{table}: {len(near):,} of {len(absent):,} {column}s of {source} that are not there "
            "differ from those that are by leading zeros alone: a program read text as numbers. "
            f"{_WAYS} Received: {_listed(near.index.to_series())} in {source}, {_listed(near)} in "
            f"{table}."
        )


def check_new(met: pd.Series, known: pd.Series, source: str, column: str) -> None:
    """Raises the ValueError of new ids that only differ by their form from known ones.

    Args:
        met: ids, each once.
        known: those that an export knows.
        source, column: where and what the new ones are, as the error calls them.
    """
    if not (isinstance(met.dtype, pd.StringDtype) and isinstance(known.dtype, pd.StringDtype)):
        return
    new = met[~met.isin(known)]
    dressed = _dressed(known)
    forms = pd.concat([known, dressed], ignore_index=True)
    forms.index = pd.Index(pd.concat([known, bare(dressed)], ignore_index=True))
    alike = new[bare(new).isin(forms.index)]
    if len(alike):
        first = alike.iloc[0]
        other = forms[forms.index == bare(alike.head(1)).iloc[0]].iloc[0]
        raise ValueError(
            f"{source}: {len(alike):,} {column}s that are new differ from known ones by blanks "
            "around them, by '.0', or by an accent that is one character or two, alone. Write them "
            "as the export knows them; one that was trained with --keep-ids takes every id as it "
            f"is. Received: {_as_it_is(first)} beside {_as_it_is(other)}."
        )
    near = by_zeros(new, known)
    if len(near) > MOST * len(new):
        raise ValueError(
            f"{source}: {len(near):,} of {len(new):,} {column}s that are new differ from known "
            "ones by leading zeros alone: a program read text as numbers. Write them as the export "
            "knows them; one that was trained with --mend-ids gives them the zeros, one with "
            f"--keep-ids takes every id as it is. Received: {_listed(near.index.to_series())} "
            f"beside {_listed(near)}."
        )


def tell_of_new(met: pd.Series, known: pd.Series, column: str) -> None:
    """Tells of ids of new events of which an export knows almost none, and what they differ by.

    Args:
        met: ids of the events, each once.
        known, column: those that the export knows, and what they are.
    """
    there = among(met, known)
    if not len(known) or there.sum() >= ALMOST_NONE * min(len(met), len(known)):
        return
    are_text = all(isinstance(ids.dtype, pd.StringDtype) for ids in (met, known))
    hint = (_other_hint(met[~there], known) if are_text else None) or "Are they the same ids?"
    tell(
        f"Of {len(met):,} {column}s of the new events the export knows {there.sum():,}, and those "
        f"that it does not are new ones. {hint} Received: {_listed(met[~there])}, and the export "
        f"knows {_listed(known)}."
    )


def by_zeros(ids: pd.Series, known: pd.Series) -> pd.Series:
    """Known ids by those of `ids` that are not known, and differ from one alone by leading zeros.

    >>> by_zeros(pd.Series(["7", "8"]), pd.Series(["007", "08", "008"])).to_dict()
    {'7': '007'}
    """
    met = ids.drop_duplicates().dropna()
    absent = met[met.str.contains("[0-9]", regex=True) & ~met.isin(known)]
    if not len(absent):
        return absent
    each = known.drop_duplicates()
    forms = pd.Series(each.to_numpy(), index=without_zeros(each))
    forms = forms[~forms.index.duplicated(keep=False)]
    return pd.Series(without_zeros(absent).map(forms).to_numpy(), index=absent).dropna()


def _dressed(ids: pd.Series) -> pd.Series:
    """The ids that are not their `bare` form, or may not be."""
    text = pa.array(ids, pa.large_string())
    other = pc.match_substring_regex(text, _DRESSED)
    if not pc.all(pc.string_is_ascii(text)).as_py():
        other = pc.or_(other, pc.not_equal(text, pc.utf8_normalize(text, "NFC")))
    return ids[other.to_numpy(zero_copy_only=False)]


def _refuse_two_forms(every: pd.Series, places: str, column: str) -> None:
    dressed = _dressed(every)
    if not len(dressed):
        return
    forms = bare(dressed)
    twice = (forms.isin(every) | forms.duplicated(keep=False)) & (forms != "")
    twice &= forms != dressed  # what nothing is taken from is its own form
    if not twice.any():
        tell(
            f"{places}: {len(dressed):,} of {len(every):,} {column}s have blanks around them, '.0' "
            f"at the end, or an accent as a character of its own, such as {_listed(dressed)}, and "
            "are taken as they are; mend_ids=True (--mend-ids) takes these away."
        )
        return
    first, form = dressed[twice].iloc[0], forms[twice].iloc[0]
    other = next(one for one in (*every[every == form], *dressed[forms == form]) if one != first)
    raise ValueError(
        f"{places}: column {column!r} has {int(twice.sum()):,} of {len(every):,} ids that differ "
        "from another by blanks around them, by '.0', or by an accent that is one character or "
        f"two, alone. {_WAYS} Received: {_as_it_is(first)} beside {_as_it_is(other)}, among "
        f"{_listed(dressed[twice])}."
    )


def _tell_of_shortened(every: pd.Series, places: str, column: str) -> None:
    """Different ids may have become one before they came here."""
    text = pa.array(every, pa.large_string())
    shortened = every[
        pc.match_substring_regex(text, rf"\A{ROUNDED}\z").to_numpy(zero_copy_only=False)
    ]
    if len(shortened):
        tell(
            f"{places}: {len(shortened):,} of {len(every):,} {column}s look like numbers that a "
            f"spreadsheet or a program shortened, such as {_listed(shortened)}, and are taken as "
            "they are: save the source with these cells as text."
        )


def mended(columns: Sequence[tuple[str, pd.Series]], column: str) -> list[pd.Series]:
    """The ids of one column in all tables, one id written in one way; tells what was changed.

    Blanks around ids go, and the `.0` of whole numbers; accented characters are one character each
    (Unicode's normal form C). Ids of the events that only lack leading
    zeros are written as in the table of users or items.

    Args:
        columns: pairs of a table's name and its ids, the events first.

    >>> events, items = pd.Series([" 13", "108"]), pd.Series(["13.0", "0108"])
    >>> mended([("events", events), ("items", items)], "item_id")[0].tolist()
    ['13', '0108']
    """
    result: list[pd.Series] = []
    for table, given in columns:
        ids = of_categories(given)
        with contextlib.suppress(UnicodeEncodeError):  # which `id_column` refuses by row
            ids = ids.infer_objects()  # text as objects is text
        if pd.api.types.is_float_dtype(ids.dtype) and _are_whole(ids, table, column):
            tell(f"{table}: the {column}s are whole floating-point numbers, read as integers.")
            result.append(ids.astype("Int64" if ids.isna().any() else "int64"))
            continue
        if ids.dtype == object or isinstance(ids.dtype, pd.StringDtype):
            try:
                text = ids.astype("str")
            except UnicodeEncodeError:  # which `id_column` refuses by row
                result.append(ids)
                continue
            changed = bare(text)
            different = (changed != text) & text.notna()
            if different.any():
                sample, now = text[different].iloc[0], changed[different].iloc[0]
                tell(
                    f"{table}: {int(different.sum()):,} of {len(ids):,} {column}s were mended, "
                    f"such as {_as_it_is(sample)} to {_as_it_is(now)}."
                )
            result.append(changed if different.any() else ids)
            continue
        result.append(ids)
    if len({pd.api.types.is_integer_dtype(ids.dtype) for ids in result if len(ids)}) > 1:
        tell(f"{column}: integers in one table and text in another, all read as text.")
        result = [ids.astype("str") for ids in result]
    return _with_zeros(columns, result, column)


def _are_whole(ids: pd.Series, table: str, column: str) -> bool:
    """Whether floating-point numbers are whole ones.

    Raises: ValueError if they are, and so large that different integers became one of them.
    """
    numbers = ids.to_numpy(dtype="float64", na_value=np.nan)
    there = numbers[~np.isnan(numbers)]
    if not (np.isfinite(there) & (there == np.round(there))).all():
        return False
    exact = 2 ** (np.finfo(getattr(ids.dtype, "numpy_dtype", ids.dtype)).nmant + 1)
    beyond = np.abs(numbers) >= exact
    if beyond.any():
        what = f"floating-point numbers from {exact:,} up"
        remedy = (
            f"There {ids.dtype} does not hold every integer, so that different ids may have become "
            "one: take them from their source as integers or as text."
        )
        refuse(ids.to_frame(column), table, column, beyond, what, remedy)
    return True


def _with_zeros(
    columns: Sequence[tuple[str, pd.Series]], result: list[pd.Series], column: str
) -> list[pd.Series]:
    """The events' ids with the leading zeros that the other tables have."""
    if len(result) < 2 or not isinstance(result[0].dtype, pd.StringDtype):
        return result
    found = by_zeros(result[0], pd.concat(result[1:]))
    if len(found):
        rows = result[0].isin(found.index)
        tell(
            f"{columns[0][0]}: {int(rows.sum()):,} {column}s were written as in the other tables, "
            f"such as {found.index[0]!r} as {found.iloc[0]!r}."
        )
        spelled = result[0].where(~rows, result[0].map(found)).astype("str")
        return [spelled, *result[1:]]
    return result


def _listed(ids: pd.Series) -> str:
    return ", ".join(_as_it_is(one) for one in ids.head(3).tolist())


def _as_it_is(one: str | int) -> str:
    """An id with nothing hidden: accents that are characters of their own are told apart."""
    text = repr(one)
    return text if unicodedata.is_normalized("NFC", text) else ascii(one)


def near(unknown: Sequence[str | int], known: pd.Series) -> dict[str | int, str | int]:
    """Of ids that are not known, the known ones that are written a little differently.

    >>> near(["007", "x"], pd.Series([7, 8]))
    {'007': 7}
    """
    forms = without_zeros(pd.Series([str(one) for one in unknown], dtype="str")).tolist()
    each = known.drop_duplicates()
    alike = without_zeros(each)
    found = dict(zip(alike[alike.isin(forms)], each[alike.isin(forms)].tolist(), strict=True))
    return {one: found[form] for one, form in zip(unknown, forms, strict=True) if form in found}
