"""Places on this machine to listen at."""

import contextlib
import socket


def free_addresses(count):
    """As many as are asked for, `host:port`, which nobody has."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("localhost", 0))
        return [f"localhost:{one.getsockname()[1]}" for one in found]
