"""The browser that opens pages: a system package, which `.ci/run` installs.

Who lacks it can do without: what the pages hold is tested without a browser as well.
"""

import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
WIDTHS = (390, 1280)  # of a phone, and of a desk

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed, which opens the page"
)
