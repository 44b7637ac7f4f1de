"""Connections that do not wait for ever: clients that send or read too slowly are let go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE = 75.0  # seconds that a connection is kept between requests, as clients' pools expect
AT_ONCE = 1000  # connections; more are told 503
END = 10  # seconds for requests at work when the server ends


def patient(seconds: float) -> type[H11Protocol]:
    """Uvicorn's protocol, which has no limit for the head of a request and for reading an answer.

    (A body has a limit of its own, where it is read.)
    """

    class Patient(H11Protocol):
        _heard: asyncio.TimerHandle | None = None
        _read: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._expect()

        def connection_lost(self, exc: Exception | None) -> None:
            self._heard = _cancelled(self._heard)
            self._read = _cancelled(self._read)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._heard = _cancelled(self._heard)
            else:  # the head of a request, or what is left of one that was answered
                self._expect()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._read = self._read or self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._read = _cancelled(self._read)

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            self.loop.call_later(seconds, self.transport.abort)  # where nobody reads the last bytes

        def _expect(self) -> None:
            """A whole head of a request in time."""
            if self._heard is None:
                self._heard = self.loop.call_later(seconds, self.transport.abort)

    return Patient


def bound(host: str, port: int) -> socket.socket:
    """A socket at the address, which does not listen yet.

    Raises: OSError that says what is wrong with the address.
    """
    try:
        ((family, *_, address),) = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[:1]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        raise OSError(
            f"The server cannot have --host {host} --port {port}: {error.strerror or error}."
        ) from error
    return found


def server(app: Any, patience: float, started: Callable[[], None]) -> uvicorn.Server:
    """What serves an application until SIGINT or SIGTERM: `run(sockets=[…])`.

    Args:
        patience: seconds for the head of a request to arrive, and for an answer to be read.
        started: is called when it listens.
    """

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    return Server(
        uvicorn.Config(
            app,
            http=patient(patience),
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=AT_ONCE,
            backlog=AT_ONCE,
            timeout_keep_alive=int(IDLE),
            timeout_graceful_shutdown=END,
        )
    )


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None
