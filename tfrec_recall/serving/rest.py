"""TensorFlow Serving's REST API: predict, status and metadata of one model.

Paths, forms, statuses of HTTP and the words of errors are those of TensorFlow Serving, so that what
is written against this server asks that one unchanged. What differs is on the safe side: requests
have a largest size (413), a shape that no signature takes is refused before the graph sees it, and
values that an error repeats are cut.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from google.protobuf.json_format import MessageToDict
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tfrec_recall.serving.json_answer import answer, written
from tfrec_recall.serving.json_request import PredictRequest
from tfrec_recall.serving.refusal import ECHO, Refusal
from tfrec_recall.serving.servable import PREDICT
from tfrec_recall.serving.versions import Service, Versions

_MODEL = r"/v1/models(?:/(?P<name>[^/:]+))"
_VERSION = r"(?:/versions/(?P<number>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"{_MODEL}{_VERSION}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_GET = re.compile(rf"{_MODEL}?{_VERSION}(?P<metadata>/metadata)?", re.IGNORECASE)
_LARGEST = 2**63 - 1  # a version's number
Tell = Callable[[str], None]


class Rest:
    """Answers what is asked below `/v1`.

    Args:
        versions: the model.
        workers: what TensorFlow runs in, so that other requests are heard meanwhile.
        largest: bytes of a body.
        patience: seconds in which a body has to arrive.
        tell: is told of each request that is refused, in a line.
    """

    def __init__(
        self, versions: Versions, workers: Executor, largest: int, patience: float, tell: Tell
    ):
        self._versions, self._workers = versions, workers
        self._largest, self._patience, self._tell = largest, patience, tell

    async def __call__(self, request: Request) -> Response:
        try:
            body = await read_body(request, self._largest, self._patience)
            path = request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
            answering = functools.partial(self._answer, request.method, path, body)
            content = await asyncio.get_running_loop().run_in_executor(self._workers, answering)
            return Response(content, media_type="application/json")
        except Exception as error:
            said = error if isinstance(error, Refusal) else fault(error)
            self._tell(f"{said.status} {request.method} {request.url.path}: {said.message}")
            return refused(said)

    def _answer(self, method: str, path: str, body: bytes) -> bytes:
        """The JSON that answers a request."""
        found = {"POST": _POST, "GET": _GET}.get(method, re.compile("(?!)")).fullmatch(path)
        if found is None:
            raise Refusal(f"Malformed request: {method} {path}")
        asked = {name: unquote(text) for name, text in found.groupdict().items() if text}
        name, number = asked.get("name"), _number(asked.get("number"))
        if name is None:
            raise Refusal("Missing model name in request.")
        if "label" in asked:
            raise Refusal(f"Unrecognized servable version label: {asked['label']}")
        if method == "GET":
            return written(
                self._metadata(name, number) if "metadata" in asked else self._status(name, number)
            )
        if asked["method"].lower() != "predict":
            kind = {"classify": "classification", "regress": "regression"}[asked["method"].lower()]
            raise Refusal(
                f"Expected {kind} signature method_name to be tensorflow/serving/"
                f"{asked['method'].lower()}. Was: {PREDICT}"
            )
        return self._predict(name, number, body)

    def _predict(self, name: str, number: int | None, body: bytes) -> bytes:
        try:
            request = PredictRequest.parse(body)
            with self._versions.using(name, number) as service:
                arrays = request.arrays(service.servable.inputs(request.signature))
                outputs = service.servable.run(request.signature, arrays)
            return answer(outputs, request.by_row)
        except RecursionError as error:
            raise Refusal("JSON Parse error: The document is nested too deeply") from error
        except MemoryError as error:
            raise Refusal("No memory for this request", HTTPStatus.TOO_MANY_REQUESTS) from error

    def _status(self, name: str, number: int | None) -> Mapping[str, Any]:
        found = self._versions.statuses(name, number)
        return {
            "model_version_status": [
                {
                    "version": str(one),
                    "state": status.state,
                    "status": {
                        "error_code": status.error_code,
                        "error_message": status.error_message,
                    },
                }
                for one, status in found.items()
            ]
        }

    def _metadata(self, name: str, number: int | None) -> Mapping[str, Any]:
        with self._versions.using(name, number) as service:
            return metadata(name, service)


def metadata(name: str, service: Service) -> dict[str, Any]:
    """The signatures of a version, as `GET …/metadata` gives them."""
    definitions = {
        signature: MessageToDict(
            definition,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        for signature, definition in service.servable.definitions.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(service.number)},
        "metadata": {"signature_def": {"signature_def": definitions}},
    }


async def read_body(request: Request, largest: int, patience: float) -> bytes:
    """The body of a request.

    Raises: Refusal if it is too large, too slow, packed or broken off.
    """
    packed = request.headers.get("content-encoding", "identity")
    if packed.lower() != "identity":
        raise Refusal(
            f"This server takes bodies as they are. Received: Content-Encoding {packed}.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    too_large = Refusal(
        f"The body is larger than {largest:,} bytes, which --largest-request sets.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > largest:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(patience):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > largest:
                    raise too_large
    except TimeoutError as error:
        raise Refusal(
            f"The body did not arrive within {patience:g} seconds.", HTTPStatus.REQUEST_TIMEOUT
        ) from error
    except ClientDisconnect as error:
        raise Refusal("The connection ended before the body.") from error
    return b"".join(parts)


def refused(error: Refusal) -> Response:
    """A refusal as a response."""
    close = {"Connection": "close"} if error.status == HTTPStatus.REQUEST_TIMEOUT else {}
    return Response(
        written({"error": error.message}), error.status, close, media_type="application/json"
    )


def fault(error: Exception) -> Refusal:
    """What nobody thought of: the server goes on, and says so."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Refusal(f"{type(error).__name__}: {str(error)[:ECHO]}", status)


def _number(text: str | None) -> int | None:
    if text is not None and (len(text) > 19 or int(text) > _LARGEST):
        raise Refusal(f"Failed to convert version: {text} to numeric.")
    return None if text is None else int(text)
