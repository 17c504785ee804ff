"""What all tests of the chart share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import kubernetes_validate
import pytest


@pytest.fixture(autouse=True, scope="session")
def schemas_are_read_once() -> Iterator[None]:
    """kubernetes-validate reads megabytes for every manifest otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
        yield
