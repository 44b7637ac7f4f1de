"""The shop of the command line's tests, and a retriever whose answers are known."""

from tests.cli.conftest import folder, retriever, split  # noqa: F401  fixtures
