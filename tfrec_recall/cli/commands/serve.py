"""`tfrec-recall serve`."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.console import say, waiting, warn
from tfrec_recall.cli.histories import histories

if TYPE_CHECKING:
    from tfrec_recall.cli.known import Known

MIB = 2**20
CORES = os.cpu_count() or 1
EXTRA = ("starlette", "uvicorn", "tensorflow_serving")  # what `serve` is made of


@options.reads_data
def serve(
    export: options.Export,
    source: Source,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8501,
    host: Annotated[
        str, typer.Option(help="Who can ask: this machine alone; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    name: Annotated[
        str | None,
        typer.Option(
            help="What requests call the model; by default as its folder.", show_default=False
        ),
    ] = None,
    page: Annotated[
        bool, typer.Option(help="The page at /, for which the export's data are read.")
    ] = True,
    poll: Annotated[
        float, typer.Option(min=0.05, help="Seconds between looks for new versions.")
    ] = 1.0,
    largest_request: Annotated[
        float, typer.Option(min=0.001, metavar="MIB", help="Larger bodies are refused with 413.")
    ] = 32.0,
    patience: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="Clients that send or read slower are left."),
    ] = 30.0,
    threads: Annotated[int, typer.Option(min=1, help="Requests at work at once.")] = CORES,
) -> None:
    """Serve an export for development, by TensorFlow Serving's REST API, with a page at /.

    New versions are picked up while it runs. There is neither authentication nor encryption:
    production has TensorFlow Serving, which the same requests ask.
    """
    if not page:
        source.refuse("--no-page", "data are read for the page alone")
    _require_extra()
    with waiting(f"Loading {export}"):
        from tfrec_recall.serving.application import application
        from tfrec_recall.serving.connections import bound, server
        from tfrec_recall.serving.page import Page
        from tfrec_recall.serving.rest import Rest
        from tfrec_recall.serving.versions import Versions

        at = bound(host, port)  # before the work of loading
        versions = Versions(export, name, tell=say)
    workers = ThreadPoolExecutor(threads, thread_name_prefix="request")
    largest = int(largest_request * MIB)
    rest = Rest(versions, workers, largest, patience, _tell)
    known = _known(versions, source) if page else None
    shown = Page(versions, known, workers, largest, patience) if known else None
    address = f"http://{_host(host)}:{at.getsockname()[1]}"

    def started() -> None:
        warn(("For development: ", "bold yellow"), "neither authentication nor encryption.")
        if shown:
            say("Page      ", (f"{address}/", "bold"))
        say("Predict   ", (f"POST {address}/v1/models/{versions.name}:predict", "bold"))
        say(("Ctrl-C ends it.", "dim"))

    versions.watch(poll)
    try:
        server(application(rest, shown), patience, started).run(sockets=[at])
    except KeyboardInterrupt:
        say("Ended.")
    finally:
        versions.stop()
        workers.shutdown(wait=False, cancel_futures=True)


def _known(versions: Any, source: Source) -> Known:
    """What the page knows; says why it can pick no users, where that is so."""
    from tfrec_recall.cli.known import Known
    from tfrec_recall.export.version_files import card_of

    with versions.using(versions.name) as service:
        version = service.servable.folder
    record = card_of(version).get("data")
    trained = dict(record) if isinstance(record, dict) else {}
    try:
        return Known(*histories(trained, version, source))
    except (ValueError, OSError) as error:
        if source.place is not None:  # which was asked for
            raise
        warn((f"The page has no users to pick. {error}", "yellow"))
        return Known(None, "")


def _require_extra() -> None:
    import importlib.util

    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            "`serve` needs the extra that is named after it: pip install 'tfrec-recall[serve]'. "
            f"Received: no {', '.join(missing)}."
        )


def _tell(line: str) -> None:
    say((line if len(line) <= 300 else f"{line[:300]}…", "dim"))


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
