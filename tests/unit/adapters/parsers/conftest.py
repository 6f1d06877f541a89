"""Parsers run in this process here, where their own process would end with them."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _heard_again() -> Iterator[None]:
    """The PDF parser silences logging for good."""
    yield
    logging.disable(logging.NOTSET)
