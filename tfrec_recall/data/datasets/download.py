"""Files from the web: checked against a digest, and there whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from tfrec_recall.data.files import replacing

TIMEOUT = 30.0  # seconds without a byte
LIMIT = 2 * 2**30
BLOCK = 2**20

Progress = Callable[[int, int | None], None]


def fetch(
    url: str,
    path: str | os.PathLike[str],
    digest: str,
    progress: Progress | None = None,
    limit: int = LIMIT,
) -> None:
    """Writes what is at the URL to the path, if its digest is the expected one.

    Args:
        url: http, https or file.
        path: the file to write; after an error it is as it was.
        digest: `sha256:<hexadecimal>` or `md5:<hexadecimal>`.
        progress: is called with the bytes so far and in all (None if the server does not say).
        limit: bytes at most.

    Raises: OSError if the network or the server fails, ValueError if something else than expected
        came.
    """
    algorithm, _, expected = digest.partition(":")
    hashed = hashlib.new(algorithm, usedforsecurity=False)
    received = 0
    with replacing(path) as sibling, _open(url) as response, open(sibling, "wb") as file:
        length = response.headers.get("Content-Length")
        total = int(length) if length and length.isdigit() else None
        while block := _read(response, url):
            received += len(block)
            if received > limit:
                raise ValueError(f"{url} is refused: it sends more than {limit:,} bytes.")
            hashed.update(block)
            file.write(block)
            if progress is not None:
                progress(received, total)
        if total is not None and received < total:
            raise OSError(f"{url}: the connection ended after {received:,} of {total:,} bytes.")
        if hashed.hexdigest() != expected.lower():
            raise ValueError(
                f"{url} is not what was expected, and was not kept. Expected {algorithm} "
                f"{expected}. Received: {hashed.hexdigest()} ({received:,} bytes)."
            )


def published_md5(url: str) -> str:
    """The digest in the `.md5` file that the publisher keeps beside a file, as `md5:<hexadecimal>`.

    Two forms are in use: `MD5 (ml-1m.zip) = c4d9…` and `c4d9…  ml-1m.zip`.
    """
    with _open(f"{url}.md5") as response:
        text = _read(response, url)[:1000].decode("latin-1")
    found = re.findall(r"\b[0-9a-fA-F]{32}\b", text)
    if len(found) != 1:
        raise ValueError(f"{url}.md5 has to hold one MD5 digest. Received: {text[:100]!r}.")
    return f"md5:{found[0].lower()}"


def _open(url: str):
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in ("http", "https", "file"):
        raise ValueError(f"Downloads are by http, https or file. Received: {url!r}.")
    request = urllib.request.Request(url, headers={"User-Agent": "tfrec-recall"})
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        raise OSError(f"{url}: the server answered {error.code} {error.reason}.") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise OSError(f"{url} cannot be reached: {reason}.") from error


def _read(response, url: str) -> bytes:
    try:
        return response.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise OSError(f"{url}: the connection failed: {error}.") from error
