"""Reading the settings file: what it says, or all that is wrong with it in sentences."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from footplate.errors import SettingsError
from footplate.settings import RESOURCES, Settings

__all__ = ["SettingsError", "load", "parse", "read"]

_PATTERNS = {
    "uri": "must begin with s3://, gs://, az:// or file://",
    "endpoint": "must begin with http:// or https://",
    "caCertificate": "must be PEM and begin with -----BEGIN CERTIFICATE-----; write it as a block (|)",
    "requests": "must be a quantity like 500m, 2 or 256Mi",
    "limits": "must be a quantity like 500m, 2 or 256Mi",
}
_NAME = "must be a name of Kubernetes: small letters, digits, - and ."


def load(path: Path) -> Settings:
    """The settings of a file. Raises SettingsError with one sentence a line, for all that is wrong with it."""
    return parse(read(path), path)


def read(path: Path) -> bytes:
    """The content of the file. Raises SettingsError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}.") from error


def parse(content: bytes, path: Path) -> Settings:
    """The settings in the content of the file `path`. Raises SettingsError like `load`."""
    try:
        document = yaml.load(content.decode(), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise SettingsError(f"{path} is nested too deeply to be settings.") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path} must hold keys and values, such as `store: {{uri: s3://bucket/prefix}}`.")
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise SettingsError("\n".join(f"{path}: {_sentence(e)}" for e in error.errors())) from error


class _Loader(yaml.SafeLoader):
    """A key that is there twice is a mistake; PyYAML takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _sentence(error: Mapping[str, Any]) -> str:
    loc = tuple(part for part in error["loc"] if part != "[key]")
    key = ".".join(str(part) for part in loc)
    given = "" if isinstance(error["input"], Mapping) else f", not {error['input']!r}"
    match error["type"]:
        case "extra_forbidden":
            return f"`{key}` is no setting; {_known(loc, _names(loc[:-1]))}"
        case "literal_error" if error["loc"][-1] == "[key]":
            return f"`{key}` is no resource; {_known(loc, RESOURCES)}"
        case "missing":
            return f"`{key}` is missing."
        case "model_type" | "dict_type" | "mapping_type":
            return f"`{key}` must hold keys and values, not {error['input']!r}."
        case "tuple_type" | "list_type":
            return f"`{key}` must be a list, not {error['input']!r}."
        case "value_error":
            return f"`{key}` {error['ctx']['error']}."
        case "string_pattern_mismatch":
            names = [str(part) for part in reversed(loc) if str(part) in _PATTERNS]
            return f"`{key}` {_PATTERNS[names[0]] if names else _NAME}{given}."
    said = error["msg"].removeprefix("Input ").rstrip(".")
    return f"`{key}` {said[0].lower()}{said[1:]}{given}."


def _known(loc: Sequence[str | int], names: Sequence[str]) -> str:
    by_letters = {name.lower(): name for name in names}
    *section, name = map(str, loc)
    near = difflib.get_close_matches(name.lower().replace("_", ""), by_letters, n=1)
    if near:
        return f"did you mean `{'.'.join([*section, by_letters[near[0]]])}`?"
    return f"known here: {', '.join(names)}."


def _names(loc: Sequence[str | int]) -> Sequence[str]:
    """What may stand in the section at `loc`."""
    model: type[BaseModel] = Settings
    for part in loc:
        fields = {to_camel(name): field.annotation for name, field in model.model_fields.items()}
        section = fields[str(part)]
        assert isinstance(section, type)
        model = section
    return [to_camel(name) for name in model.model_fields]
