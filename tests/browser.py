"""The browser that opens pages: a system package."""

import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
WIDTHS = (390, 1280)  # of a phone, and of a desk

# `.ci/run` installs it; who lacks it can do without: what the pages hold has
# tests without a browser as well.
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed, which opens the page"
)
