"""Text as the value of a container's variable, whatever is in it. Pure."""

from __future__ import annotations


def literal(text: str) -> str:
    """Kubernetes makes a variable of $(NAME) and $ of $$ (core/v1: EnvVar.value)."""
    return text.replace("$", "$$")
