"""The addresses that lead out of the documentation, and whether they answer.

    python docs/hooks/links.py          # asks each; exits with 1 where one leads nowhere
    python docs/hooks/links.py --list   # says which there are, and where, and asks nobody

`make links` before a release: no test has a network. Links within are checked when the site is
built, and those of other texts by a test.
"""

import pathlib
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).parents[2]
FOLDERS = ("docs", "benchmarks", "saved_models", "tfrec_recall")
TEXTS = ("*.md", "*.cff", *(f"{folder}/**/*.md" for folder in FOLDERS))
ADDRESS = re.compile(r"https?://[^\s<>\"'`)\]]+")
OWN = re.compile(r"https?://(localhost|127\.0\.0\.1)\b|.*\$\{")  # servers at hand, and templates
SECONDS = 30
ONLY_BROWSERS = (401, 403, 429)  # what some sites answer to a program


def links(root: pathlib.Path = ROOT) -> dict[str, list[str]]:
    """The texts that name each address, by address."""
    found: dict[str, list[str]] = {}
    for path in sorted({path for pattern in TEXTS for path in root.glob(pattern)}):
        named = ADDRESS.findall(path.read_text(encoding="utf-8"))
        for address in dict.fromkeys(one.rstrip(".,;:") for one in named if not OWN.match(one)):
            found.setdefault(address, []).append(str(path.relative_to(root)))
    return found


def fault(address: str, seconds: float = SECONDS) -> str:
    """What is wrong with an address; "" where it answers, if only to browsers."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (links)"})
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return ""
    except urllib.error.HTTPError as error:
        return "" if error.code in ONLY_BROWSERS else f"status {error.code}"
    except OSError as error:  # no such host, no answer in time
        return str(error)


def main(arguments: list[str]) -> int:
    """Prints what is found; 1 where an address leads nowhere."""
    found = links()
    if arguments == ["--list"]:
        for address, places in found.items():
            print(f"{address}  {', '.join(places)}")
        return 0
    with ThreadPoolExecutor(8) as threads:
        faults = dict(zip(found, threads.map(fault, found), strict=True))
    lost = {address: why for address, why in faults.items() if why}
    for address, why in lost.items():
        print(f"{address}: {why} ({', '.join(found[address])})")
    print(f"{len(found) - len(lost)} of {len(found)} addresses answer.")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
