"""The search of a page that is read from disk, without the script that the theme would fetch."""

import base64
import pathlib

FETCHED = "https://unpkg.com/iframe-worker/shim"
OURS = pathlib.Path(__file__).with_name("worker_in_frame.js")


def on_post_page(output, **_):
    """Puts our script in the place of the address."""
    address = "data:text/javascript;base64," + base64.b64encode(OURS.read_bytes()).decode()
    return output.replace(FETCHED, address)
