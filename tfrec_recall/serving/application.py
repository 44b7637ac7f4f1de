"""The REST API, and the page where one is wanted, as one ASGI application."""

from __future__ import annotations

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tfrec_recall.serving.page import Page
from tfrec_recall.serving.rest import Rest

ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]  # so that Rest refuses them
NO_PAGE = "There is no page: the server was started with --no-page. The REST API is at /v1/models."


def application(rest: Rest, page: Page | None = None) -> Starlette:
    """The application.

    Args:
        rest: answers below `/v1`.
        page: answers `/`, and what the page asks.
    """

    async def api(request: Request) -> Response:
        if not request.url.path.lower().startswith("/v1/"):
            return PlainTextResponse("There is nothing here.\n", HTTPStatus.NOT_FOUND)
        return await rest(request)

    async def asked(request: Request) -> Response:
        assert page is not None
        return await page(request)

    async def no_page(request: Request) -> Response:
        return PlainTextResponse(f"{NO_PAGE}\n", HTTPStatus.NOT_FOUND)

    if page is None:
        routes = [Route("/", no_page)]
    else:
        routes = [Route("/", page.html), Route("/page/{what}", asked, methods=["GET", "POST"])]
    return Starlette(routes=[*routes, Route("/{rest:path}", api, methods=ALL)])
