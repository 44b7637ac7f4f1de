"""Memory of this process."""

from __future__ import annotations

import pathlib
import resource
import sys

STATUS = pathlib.Path("/proc/self/status")  # of Linux
KIB = 1024


def resident() -> int:
    """Bytes that are resident now; where the system does not tell, the most there ever were."""
    if STATUS.exists():
        for line in STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * KIB
    return peak()


def peak() -> int:
    """The most bytes that were ever resident."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * KIB
