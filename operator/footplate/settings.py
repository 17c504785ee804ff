"""The operator's settings: one YAML file, read once at the start (docs/architecture.md, Settings of the operator)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from footplate.errors import SettingsError

__all__ = ["BuilderSettings", "Settings", "SettingsError", "StoreSettings", "load"]

Text = Annotated[str, Field(min_length=1)]


class _Section(BaseModel):
    # Strict: `workers: "16"` and `qps: true` are mistakes, not numbers.
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True)


class StoreSettings(_Section):
    """Where the runs of all jobs go."""

    uri: Annotated[str, Field(pattern=r"^(s3|gs|az|file)://.")]
    secret_name: Text | None = None
    """The Secret with the store's keys, in the namespace of each job; None when none are needed."""
    endpoint: Text | None = None
    region: Text | None = None
    path_style: bool = True
    """The bucket is a folder of the endpoint; false: a part of its host name."""
    ca_certificate: Annotated[str, Field(pattern=r"^\s*-----BEGIN CERTIFICATE-----")] | None = None
    """PEM of the CAs to trust besides those of the runtime image."""


class BuilderSettings(_Section):
    """The pods that build Environments; without an image those that need a build fail."""

    image: Text | None = None
    command: Annotated[tuple[str, ...], Field(strict=False)] = ()
    env: Mapping[str, str] = {}


class Settings(_Section):
    store: StoreSettings
    runtime_image: Text = "footplate/runtime:0.1.0"
    builder: BuilderSettings = BuilderSettings()
    namespaces: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """Those that are served; empty: all."""
    operator_namespace: Text = "footplate-system"
    qps: Annotated[float, Field(gt=0)] = 100
    burst: Annotated[int, Field(ge=1)] = 200
    workers: Annotated[int, Field(ge=1, le=1000)] = 16
    sweep_seconds: Annotated[float, Field(gt=0)] = 300
    poll_seconds: Annotated[float, Field(gt=0)] = 15
    leader_election: bool = True
    health_host: Text | None = None
    """The address of /healthz, /readyz and /metrics; absent: all, as the kubelet calls the pod's."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0: any free port."""


def load(path: Path) -> Settings:
    """The settings of a file. Raises SettingsError with one sentence a line, for all that is wrong with it."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path} must hold keys and values, such as `store: {{uri: s3://bucket/prefix}}`.")
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise SettingsError("\n".join(f"{path}: {_sentence(e)}" for e in error.errors())) from error


def _sentence(error: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"`{key}` is no setting; {_known(error['loc'])}."
    if error["type"] == "missing":
        return f"`{key}` is missing."
    if error["type"] == "model_type":
        return f"`{key}` must hold keys and values, not {error['input']!r}."
    if error["loc"] == ("store", "uri") and error["type"] == "string_pattern_mismatch":
        return f"`store.uri` must begin with s3://, gs://, az:// or file://, not {error['input']!r}."
    if error["loc"] == ("store", "caCertificate") and error["type"] == "string_pattern_mismatch":
        return "`store.caCertificate` must be PEM and begin with -----BEGIN CERTIFICATE-----; write it as a block (|)."
    said = error["msg"].removeprefix("Input ").rstrip(".")
    return f"`{key}` {said[0].lower()}{said[1:]}, not {error['input']!r}."


def _known(loc: tuple[str | int, ...]) -> str:
    sections: Mapping[tuple[str | int, ...], type[BaseModel]] = {
        (): Settings,
        ("store",): StoreSettings,
        ("builder",): BuilderSettings,
    }
    names = ", ".join(to_camel(name) for name in sections[loc[:-1]].model_fields)
    return f"known here: {names}"
