"""Models by name, read from the source; held to what the package really offers."""

import pytest

from tfrec_recall import models
from tfrec_recall.cli.discovery import entries, entry


def test_the_names_are_those_of_the_public_models():
    classes = {getattr(models, name) for name in models.__all__} - {models.RecallModel}
    assert {found.load() for found in entries().values()} == classes


def test_a_name_is_the_module_in_kebab_case():
    for name, found in entries().items():
        module = found.load().__module__.rpartition(".")[2]
        assert name == module.replace("_", "-")
        assert name.replace("-", "") == found.class_name.lower()


def test_a_summary_is_the_first_line_of_the_docstring():
    for found in entries().values():
        assert found.summary == found.load().__doc__.partition("\n")[0] != ""


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"Models are .*two-tower.*Received: 'matrix'"):
        entry("matrix")
