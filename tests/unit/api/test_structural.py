from typing import Annotated, Literal

import pytest
from pydantic import Field

from footplate.api.base import Schema
from footplate.api.rules import Rule
from footplate.api.structural import structural_schema


class Inner(Schema):
    """An inner object."""

    rules = (Rule("self.maxLength > 0", "make it longer"),)

    max_length: Annotated[int, Field(ge=0)] = 3
    """How long."""


class Outer(Schema):
    """An outer object."""

    mode: Literal["On"] = "On"
    """Which mode."""
    names: Annotated[tuple[Annotated[str, Field(max_length=9)], ...], Field(max_length=2)] = ()
    """Some names."""
    inner: Inner = Inner()
    """Where it is set."""
    other: Inner | None = None
    inner_by_name: dict[str, Inner]


class Undecided(Schema):
    """A field of two types."""

    either: int | str


INNER = {
    "type": "object",
    "properties": {
        "maxLength": {
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "default": 3,
            "description": "How long. Default: 3.",
        }
    },
    "x-kubernetes-validations": [{"rule": "self.maxLength > 0", "message": "make it longer"}],
}


def test_a_model_becomes_a_structural_schema() -> None:
    assert structural_schema(Outer, defaults=True) == {
        "type": "object",
        "description": "An outer object.",
        "required": ["innerByName"],
        "properties": {
            "mode": {"type": "string", "enum": ["On"], "default": "On", "description": "Which mode. Default: On."},
            "names": {
                "type": "array",
                "maxItems": 2,
                "items": {"type": "string", "maxLength": 9},
                "description": "Some names.",
            },
            "inner": {**INNER, "default": {}, "description": "Where it is set."},
            "other": {**INNER, "description": "An inner object."},
            "innerByName": {
                "type": "object",
                "additionalProperties": {**INNER, "description": "An inner object."},
            },
        },
    }


def test_a_status_has_no_defaults() -> None:
    schema = structural_schema(Outer, defaults=False)

    assert "default" not in schema["properties"]["mode"]
    assert "default" not in schema["properties"]["inner"]["properties"]["maxLength"]


def test_a_field_of_two_types_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"Undecided\.either has no single type"):
        structural_schema(Undecided, defaults=True)
