"""`--rewrite-golden` writes what the code plans now; `make golden` calls it."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write tests/golden/manifests anew")
