"""What the page at `/` asks beside the REST API: whom it can pick, and what things are called.

The page builds a request from the answers and sends it to `:predict`, as any client does.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tfrec_recall.serving.json_answer import written
from tfrec_recall.serving.refusal import Refusal
from tfrec_recall.serving.rest import fault, metadata, read_body, refused
from tfrec_recall.serving.servable import Servable
from tfrec_recall.serving.versions import Versions

MOST = 12  # suggestions
Id = str | int


class Known(Protocol):
    """What is known of a model beside its graph: users, titles, and how a query is made of them."""

    def about(self, servable: Servable) -> Mapping[str, Any]:
        """Facts for the head of the page; `users`: how many can be picked; `repeats`: whether lists
        hold what they had unless it is left out by hand."""

    def users(self, text: str, most: int) -> Sequence[Mapping[str, Any]]:
        """Users whose id has the text, or some of all without one: `user_id`, `events`."""

    def items(self, servable: Servable, text: str, most: int) -> Sequence[Mapping[str, Any]]:
        """Items whose id or title has the text, or some of all: `item_id`, `title`."""

    def titles(self, servable: Servable, ids: Sequence[Id]) -> Sequence[str | None]:
        """What the items are called; None where an item has no title."""

    def query(
        self, servable: Servable, user: Id | None, items: Sequence[Id]
    ) -> tuple[Mapping[str, Any], Sequence[Id]]:
        """The inputs of one query, by the names in signatures, and the items of its history.

        Raises: ValueError for what cannot be asked.
        """


class Page:
    """Answers `/` and what is below `/page`.

    Args:
        versions: the model.
        known: what is known beside it.
        workers: what the work runs in.
        largest: bytes of a body, such as all that somebody had.
        patience: seconds in which a body has to arrive.
    """

    def __init__(
        self, versions: Versions, known: Known, workers: Executor, largest: int, patience: float
    ):
        self._versions, self._known, self._workers = versions, known, workers
        self._largest, self._patience = largest, patience
        files = importlib.resources.files("tfrec_recall.serving")
        self._html = (files / "page.html").read_text(encoding="utf-8")

    async def html(self, request: Request) -> Response:
        return HTMLResponse(self._html, headers={"Cache-Control": "no-cache"})

    async def __call__(self, request: Request) -> Response:
        try:
            body = await read_body(request, self._largest, self._patience)
            what = request.path_params["what"]
            answering = functools.partial(self._answer, what, dict(request.query_params), body)
            content = await asyncio.get_running_loop().run_in_executor(self._workers, answering)
            return Response(content, media_type="application/json")
        except Refusal as error:
            return refused(error)
        except ValueError as error:  # such as a column that the data lack
            return refused(Refusal(str(error)))
        except Exception as error:
            return refused(fault(error))

    def _answer(self, what: str, asked: Mapping[str, str], body: bytes) -> bytes:
        with self._versions.using(self._versions.name) as service:
            servable, text = service.servable, asked.get("text", "").strip()
            if what == "about":
                described = metadata(self._versions.name, service)
                return written({**self._known.about(servable), **described})
            if what == "users":
                return written(self._known.users(text, MOST))
            if what == "items":
                return written(self._known.items(servable, text, MOST))
            given = json.loads(body or b"{}")
            if not isinstance(given, dict):
                raise Refusal(f"The page sends objects. Received: a {type(given).__name__}.")
            if what == "titles":
                return written(self._known.titles(servable, given.get("ids") or []))
            if what == "query":
                user, items = given.get("user"), given.get("items") or []
                inputs, had = self._known.query(servable, user, items)
                return written({"inputs": inputs, "had": had})
            raise Refusal(f"The page has no {what!r}.", 404)
