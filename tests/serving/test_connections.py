"""Clients that are slow, or send what is no HTTP, are let go while others are answered."""

import contextlib
import http.client
import socket
import threading
import time

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tfrec_recall.serving.connections import bound, server
from tfrec_recall.serving.refusal import Refusal
from tfrec_recall.serving.rest import read_body, refused

PATIENCE = 0.3
LARGEST = 1000
ANSWER = 32 * 2**20  # bytes: more than the system holds for a connection


async def echo(request):
    try:
        body = await read_body(request, LARGEST, PATIENCE)
    except Refusal as error:
        return refused(error)
    return PlainTextResponse(body or b"x" * ANSWER)


@pytest.fixture(scope="module")
def address():
    at, listens = bound("127.0.0.1", 0), threading.Event()
    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])
    running = server(app, PATIENCE, listens.set)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [at]})
    thread.start()
    assert listens.wait(10)
    yield at.getsockname()
    running.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@contextlib.contextmanager
def connected(address):
    with socket.create_connection(address, timeout=20) as connection:
        yield connection


def read(connection):
    """All that comes until the server ends the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(2**20):
            parts.append(part)
    return b"".join(parts)


def head(length, *lines):
    return "\r\n".join(["POST / HTTP/1.1", f"Content-Length: {length}", "Host: x", *lines, "", ""])


@pytest.mark.parametrize("sent", ["", "POST / HTTP/1.1\r\nContent-"], ids=["nothing", "a part"])
def test_a_head_that_does_not_arrive(address, sent):
    with connected(address) as connection:
        connection.sendall(sent.encode())
        assert read(connection) == b""


def test_a_head_that_trickles(address):
    """What arrives byte by byte does not begin the patience anew."""
    sent = 0
    with connected(address) as connection, contextlib.suppress(ConnectionError):
        for byte in head(1).encode():
            connection.sendall(bytes([byte]))
            sent += 1
            time.sleep(PATIENCE / 5)
    assert sent < 20


def test_a_body_that_does_not_arrive(address):
    with connected(address) as connection:
        connection.sendall(head(10).encode() + b"12345")
        answer = read(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"The body did not arrive within 0.3 seconds." in answer


def test_an_answer_that_is_not_read(address):
    with connected(address) as connection:
        connection.sendall(head(0).encode())
        time.sleep(3 * PATIENCE)
        assert len(read(connection)) < ANSWER


def test_a_large_body_is_refused_and_the_connection_goes_on(address):
    client = http.client.HTTPConnection(*address, timeout=20)
    client.request("POST", "/", body=b"x" * 100_000_000)
    response = client.getresponse()
    assert response.status == 413
    response.read()
    client.request("POST", "/", body=b"whole")
    assert client.getresponse().read() == b"whole"
    client.close()


def test_what_is_no_http(address):
    with connected(address) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
        assert read(connection).startswith(b"HTTP/1.1 400 ")


def test_an_address_that_is_taken(address):
    host, port = address
    with pytest.raises(OSError, match=rf"cannot have --host {host} --port {port}: Address already"):
        bound(host, port)
    with pytest.raises(OSError, match=r"cannot have --host no\.such\.place --port 80"):
        bound("no.such.place", 80)
