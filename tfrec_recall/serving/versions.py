"""Which version of a model serves, while versions come and go on disk.

As TensorFlow Serving does by default: the highest number serves. A new one is loaded before the
one in service is let go, and requests end on the version that they began with. One that does not
load is told, with its status, and the one in service goes on; it is tried again when its files
have changed, and change no more. Removing the highest number goes back to the one below it;
removing all ends the service. While the directory of the versions is away, as a disk may be, what
serves goes on.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import gc
import pathlib
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from tfrec_recall.export.version_files import GRAPH
from tfrec_recall.export.versions import version_folders
from tfrec_recall.serving.refusal import Refusal
from tfrec_recall.serving.servable import Servable

LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"
FIRST = 1  # the number of a version whose directory is not named by one


@dataclasses.dataclass
class Status:
    """What became of a version."""

    state: str
    error_code: str = "OK"
    error_message: str = ""


@dataclasses.dataclass(eq=False)
class Service:
    """A version in memory, and how many requests are at work on it."""

    number: int
    graph: tuple | None  # the file, to tell another one of the same name
    servable: Servable
    requests: int = 0
    ends: bool = False


class Versions:
    """The versions of one model: `using` one for a request, `look` for what changed on disk.

    Args:
        path: the directory of the versions, or that of a single one.
        name: what requests call the model; that of the directory unless given.
        tell: is told of each change, in a line.
        load: makes what serves of the directory of a version.

    Raises: FileNotFoundError if there is no version; ValueError if the newest cannot be loaded.
    """

    def __init__(
        self,
        path: pathlib.Path,
        name: str | None = None,
        tell: Callable[[str], None] = lambda line: None,
        load: Callable[[pathlib.Path], Any] = Servable,
    ):
        self.path = path
        self._alone = (path / GRAPH).is_file()
        named = path.resolve()
        if self._alone and named.name.isdecimal():
            named = named.parent
        self.name = name or named.name
        self._tell, self._load = tell, load
        self._lock = threading.Lock()
        self._statuses: dict[int, Status] = {}
        self._failed: dict[int, list] = {}  # the stamps of the files of what did not load
        self._seen: list = []  # those of the last look
        self._garbage = False
        self._service: Service | None = None
        self._stopped = threading.Event()
        self._watcher: threading.Thread | None = None
        if not self._folders():
            raise FileNotFoundError(
                f"There is no export at {path}: neither {GRAPH} nor a numbered version."
            )
        self.look()
        if self._service is None:
            number, status = max(self._statuses.items())
            raise ValueError(f"Version {number} does not load. {status.error_message}")

    @contextlib.contextmanager
    def using(self, name: str, number: int | None = None) -> Iterator[Service]:
        """The version in service, which is held in memory until the end of the block.

        Raises: Refusal if the model has another name, or this version does not serve.
        """
        with self._lock:
            service = self._service
            if name != self.name or service is None or number not in (None, service.number):
                asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
                raise Refusal(f"Servable not found for request: {asked}", HTTPStatus.NOT_FOUND)
            service.requests += 1
        try:
            yield service
        finally:
            with self._lock:
                service.requests -= 1
                self._end(service)
            del service

    def statuses(self, name: str, number: int | None = None) -> dict[int, Status]:
        """The versions that were met since the start, the highest first.

        Raises: Refusal if there is none, or not this one.
        """
        with self._lock:
            found = {} if name != self.name else dict(self._statuses)
        if number is not None and number not in found:
            raise Refusal(f"Could not find version {number} of model {name}", HTTPStatus.NOT_FOUND)
        if not found:
            raise Refusal(f"Could not find any versions of model {name}", HTTPStatus.NOT_FOUND)
        wanted = sorted(found, reverse=True) if number is None else [number]
        return {one: dataclasses.replace(found[one]) for one in wanted}

    def watch(self, seconds: float) -> None:
        """Looks for changes every so many seconds, until `stop`."""
        self._watcher = threading.Thread(target=self._watching, args=(seconds,), daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Ends `watch`, and waits for a load that it is at."""
        self._stopped.set()
        if self._watcher is not None:
            self._watcher.join()

    def look(self) -> None:
        """Brings what serves in line with what is on disk now.

        Raises: OSError where the directory of the versions is not to be read; nothing has changed.
        """
        self._collect()
        self._follow()
        self._collect()

    def _follow(self) -> None:
        """Lets serve what is on disk now. Only when it has returned does no name hold what it let
        go, which can be collected then."""
        folders = self._folders()
        home = self.path.absolute().parent if self._alone else self.path
        if not folders and not home.is_dir():
            raise FileNotFoundError(f"There is no directory {home}.")
        service = self._service
        if not folders:
            if service is not None:
                self._serve(None)
                self._tell(f"No version of {self.name} is left at {self.path}: nothing serves.")
            return
        number, folder = max(folders.items())
        graph = _stamp(folder / GRAPH)
        if service is not None and service.number == number and graph in (None, service.graph):
            return  # it is there as it was, or about to be removed
        stamps = [_stamp(path) for path in sorted(folder.rglob("*"))]
        before, self._seen = self._seen, stamps
        if number in self._failed and (stamps == self._failed[number] or stamps != before):
            return  # it is as it was, or still being written
        self._failed.pop(number, None)
        if not self._take(number, folder, graph):
            self._failed[number] = stamps

    def _take(self, number: int, folder: pathlib.Path, graph: tuple | None) -> bool:
        """Loads a version and lets it serve; what serves goes on if it does not load."""
        again = self._service is not None and self._service.number == number
        if not again:
            self._set(number, Status(LOADING))
        try:
            servable = self._load(folder)
        except Exception as error:  # whatever a file may hold, the old one serves
            if not again:
                self._set(number, Status(END, "UNKNOWN", str(error)))
            instead = f"; {self._service.number} serves" if self._service else ""
            self._tell(f"{self.name} {number} does not load{instead}. {error}")
            return False
        before = "" if self._service is None else f", and {self._service.number} is let go"
        self._serve(Service(number, graph, servable))
        self._tell(f"{self.name} {number} serves{before}.")
        return True

    def _serve(self, service: Service | None) -> None:
        with self._lock:
            before, self._service = self._service, service
            if service is not None:
                self._statuses[service.number] = Status(AVAILABLE)
            if before is not None:
                before.ends = True
                if service is None or before.number != service.number:
                    self._statuses[before.number] = Status(UNLOADING)
                self._end(before)

    def _end(self, service: Service) -> None:
        """Lets a version go that is out of service, after its last request; under the lock."""
        if service.ends and not service.requests:
            self._garbage = True
            status = self._statuses[service.number]
            if status.state == UNLOADING:
                status.state = END

    def _collect(self) -> None:
        """Frees what was let go: a SavedModel holds itself in circles."""
        if self._garbage:
            self._garbage = False
            gc.collect()
            _give_back()

    def _set(self, number: int, status: Status) -> None:
        with self._lock:
            self._statuses[number] = status

    def _folders(self) -> dict[int, pathlib.Path]:
        if not self._alone:
            return version_folders(self.path)
        name = self.path.resolve().name
        number = int(name) if name.isascii() and name.isdecimal() else FIRST
        return {number: self.path} if self.path.is_dir() else {}

    def _watching(self, seconds: float) -> None:
        told = ""
        while not self._stopped.wait(seconds):
            try:
                self.look()
                told = ""
            except OSError as error:  # such as a disk that is away for a while
                if str(error) != told:
                    told = str(error)
                    self._tell(f"{self.path} cannot be looked at; what serves goes on. {error}")


def _give_back() -> None:
    """Has the C library return to the system what was freed: it keeps much of a version that is
    gone, in pieces that the next one does not fill. Only glibc can."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _stamp(path: pathlib.Path) -> tuple | None:
    """What tells a file from what stood, or will stand, at its place; None if there is none."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return path.name, about.st_ino, about.st_size, about.st_mtime_ns
