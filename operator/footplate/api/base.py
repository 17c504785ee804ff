"""The base of all models, and the metadata that the API server gives to every object."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from footplate.api.rules import Rule
from footplate.api.scalars import Number, Time
from footplate.constants import API_VERSION


class Schema(BaseModel):
    """An object of the API: snake_case here, camelCase on the wire; what is not known is ignored when reading.

    The docstring under a field is its description in the CRD, hence what `kubectl explain` prints.
    `rules` are the object's CEL rules.
    """

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        defer_build=True,  # importing costs half; the first use of a model builds it
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        docs = field_docs(cls)
        for name, field in cls.model_fields.items():
            if name in docs:
                schema["properties"][field.alias or name]["description"] = docs[name]
        if cls.rules:
            schema["x-kubernetes-validations"] = [rule.to_json() for rule in cls.rules]
        return schema

    def to_json(self) -> dict[str, Any]:
        """Exactly what goes to the API server: camelCase, absent instead of null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def field_docs(cls: type[BaseModel]) -> dict[str, str]:
    """The docstrings under the fields of a class and its bases, by the field's name.

    pydantic's `use_attribute_docstrings` would read them at every import, which costs a command line 100 ms
    for nothing: only the CRDs need them.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is BaseModel or not issubclass(base, BaseModel):
            continue
        (body,) = ast.parse(inspect.getsource(base)).body
        assert isinstance(body, ast.ClassDef)
        for field, doc in pairwise(body.body):
            match field, doc:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = inspect.cleandoc(text)
    return found


class MetricValue(Schema):
    """The latest value of a metric."""

    value: Number
    """A number, or one of the strings NaN, Infinity and -Infinity."""
    step: int | None = None
    """The step that the program gave with it."""
    time: Time | None = None
    """When it was logged."""


class OwnerReference(Schema):
    """Kubernetes: OwnerReference, as far as it is looked at."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False


class ObjectMeta(Schema):
    """Kubernetes: ObjectMeta, as far as it is looked at."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    finalizers: tuple[str, ...] = ()


class Resource(Schema):
    """An object of one of our kinds, as the API server returns it."""

    api_version: str = API_VERSION
    kind: str
    metadata: ObjectMeta = ObjectMeta()
