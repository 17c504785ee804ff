"""Regular expressions of schemas and CEL rules: RE2, as Go's regexp package reads them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2


class BadPattern(ValueError):
    """The text is no regular expression."""


def _quiet() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


_OPTIONS = _quiet()


@lru_cache(maxsize=4096)
def compiled(text: str) -> Any:
    """The expression, with `search` and `finditer`. Raises BadPattern."""
    try:
        return re2.compile(text, _OPTIONS)
    except re2.error as error:
        why = error.args[0] if error.args else error
        raise BadPattern(why.decode() if isinstance(why, bytes) else str(why)) from error
