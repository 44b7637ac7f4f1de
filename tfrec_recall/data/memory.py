"""What memory is left, and a refusal before it is asked for in vain."""

from __future__ import annotations

import pathlib

GIB = 2**30
_PROC = pathlib.Path("/proc/meminfo")
# What a container may use, and what it uses, by versions 2 and 1 of control groups.
_GROUPS = {
    pathlib.Path("/sys/fs/cgroup"): ("memory.max", "memory.current"),
    pathlib.Path("/sys/fs/cgroup/memory"): ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}


def free_memory() -> int | None:
    """Bytes that this machine or container still has; None where the system does not tell."""
    left = [part for part in (_of_machine(), _of_container()) if part is not None]
    return min(left, default=None)


def check_memory(needed: int, what: str, remedy: str) -> None:
    """Raises ValueError where more is needed than is left.

    Args:
        needed: bytes.
        what: needs them.
        remedy: what to change.

    >>> check_memory(2**60, "A table of 2**54 rows of 16 numbers", "Take fewer rows.")
    Traceback (most recent call last):
    ValueError: A table of 2**54 rows of 16 numbers needs 1,073,741,824.0 GiB of memory, and ...
    """
    left = free_memory()
    if left is not None and needed > left:
        raise ValueError(
            f"{what} needs {needed / GIB:,.1f} GiB of memory, and {left / GIB:,.1f} GiB are left: "
            f"{remedy}"
        )


def check_table(name: str, rows: int, width: int, remedy: str, tables: int = 1) -> None:
    """Raises ValueError where a table of 32-bit numbers, about to be made, has no room.

    Args:
        name: what the rows are of.
        tables: of this size, which are made together.
        remedy: as of `check_memory`.
    """
    what = "The table" if tables == 1 else f"The {tables} tables"
    check_memory(
        4 * rows * width * tables, f"{what} of {name}, {rows:,} rows of {width} numbers,", remedy
    )


def smaller_table(column: str, hashes: bool = False) -> str:
    """What to change where the table of a column's values has no room: the remedy of a refusal.

    Args:
        hashes: whether its values may share rows; those that are told from each other may not.

    >>> smaller_table("item_id")[:71]
    'take a smaller dim or the frequent values of item_id alone (min_count):'
    """
    ways = ["a smaller dim", f"the frequent values of {column} alone (min_count)"]
    if hashes:
        ways.append("hashes of them (hash_buckets)")
    return (
        f"take {', '.join(ways[:-1])} or {ways[-1]}: arguments of its feature, and on the command "
        f"line min_count = {{ {column} = 5 }} in a file for --settings."
    )


def _of_machine() -> int | None:
    if not _PROC.exists():
        return None
    for line in _PROC.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _of_container() -> int | None:
    for group, (most, used) in _GROUPS.items():
        if (group / most).exists() and (group / used).exists():
            limit = (group / most).read_text(encoding="ascii").strip()
            if limit == "max":
                return None
            return int(limit) - int((group / used).read_text(encoding="ascii")) + _given_back(group)
    return None


def _given_back(group: pathlib.Path) -> int:
    """Bytes of files that were read and are kept only while nobody needs their place."""
    stat = group / "memory.stat"
    lines = stat.read_text(encoding="ascii").splitlines() if stat.exists() else []
    found = dict(line.split() for line in lines)
    return int(found.get("total_inactive_file", found.get("inactive_file", 0)))
