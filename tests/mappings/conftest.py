"""`--update` writes the golden cases anew from what the mappings give now."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", default=False, help="rewrite the golden cases of the mappings")
