"""What the settings file may say, what its mistakes are told as, and that docs/settings.md tells all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from footplate.app import builder_of, context_of
from footplate.settings import BuilderSettings, Settings, StoreSettings
from footplate.settings_file import SettingsError, load

DOCS = Path(__file__).parents[2] / "docs"


def write(folder: Path, text: str) -> Path:
    path = folder / "operator.yaml"
    path.write_text(text)
    return path


def test_only_the_stores_address_is_needed(tmp_path: Path) -> None:
    settings = load(write(tmp_path, "store: {uri: s3://bucket/prefix}"))
    assert settings.store == StoreSettings(uri="s3://bucket/prefix")
    assert settings.builder == BuilderSettings()
    assert settings.namespaces == ()
    assert (settings.qps, settings.burst, settings.workers) == (100, 200, 16)


def test_the_documented_file_is_valid_and_shows_the_defaults(tmp_path: Path) -> None:
    page = (DOCS / "settings.md").read_text()
    documented = next(text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "healthPort:" in text)
    only_needed = write(tmp_path, yaml.safe_dump({"store": {"uri": yaml.safe_load(documented)["store"]["uri"]}}))
    defaults = load(only_needed)
    assert load(write(tmp_path, documented)) == defaults
    assert _keys(yaml.safe_load(documented)) == _keys(defaults.model_dump(by_alias=True))


def _keys(section: Any, prefix: str = "") -> set[str]:
    if not isinstance(section, dict):
        return set()
    return {prefix + k for k in section} | {k for name, s in section.items() for k in _keys(s, f"{prefix}{name}.")}


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", (DOCS / "settings.md").read_text(), re.DOTALL))
def test_every_example_of_the_page_is_valid(tmp_path: Path, text: str) -> None:
    given = yaml.safe_load(text)
    load(write(tmp_path, yaml.safe_dump({"store": {"uri": "s3://bucket"}, **given})))


def test_the_table_of_the_page_is_that_of_the_model() -> None:
    page = (DOCS / "settings.md").read_text()
    table = page[page.index("| Setting |") :].partition("\n\n")[0]
    assert table.splitlines()[2:] == list(_rows(Settings))


def _rows(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """A line for each setting, from the model."""
    schema = section.model_json_schema(by_alias=True)
    for name, field in section.model_fields.items():
        key, kind = field.alias or name, field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _rows(kind, f"{prefix}{key}.")
            continue
        default = "required" if field.is_required() else f"`{json.dumps(schema['properties'][key]['default'])}`"
        meaning = " ".join((field.description or "").split())
        assert meaning, f"{prefix}{key} has no docstring"
        yield f"| `{prefix}{key}` | {_type(schema['properties'][key])} | {default} | {meaning} |"


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return _type(next(s for s in schema["anyOf"] if s.get("type") != "null"))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    whole = schema.get("additionalProperties") is True
    names |= {"array": "list of text", "object": "keys and values" if whole else "keys and text"}
    return names[schema["type"]]


def test_keys_are_camel_case(tmp_path: Path) -> None:
    text = """
        store: {uri: file:///srv, secretName: keys, endpoint: "http://minio:9000", region: eu, pathStyle: false}
        builder: {image: kaniko, command: [build], env: {LEVEL: "3"}}
        namespaces: [ml, research]
        leaderElection: false
        pollSeconds: 2
        healthPort: 0
        """
    settings = load(write(tmp_path, text))
    assert settings.store.secret_name == "keys"
    assert settings.store.path_style is False
    assert settings.builder.command == ("build",)
    assert settings.builder.env == {"LEVEL": "3"}
    assert settings.namespaces == ("ml", "research")
    assert settings.leader_election is False
    assert settings.poll_seconds == 2


def test_what_is_given_of_resources_replaces_its_own_list_alone(tmp_path: Path) -> None:
    text = "{store: {uri: s3://b}, runtimeResources: {agent: {limits: {memory: 1Gi, cpu: 2}}}}"
    resources = load(write(tmp_path, text)).runtime_resources
    assert resources.agent.limits == {"memory": "1Gi", "cpu": "2"}
    assert resources.agent.requests == {"cpu": "50m", "memory": "64Mi"}
    assert resources.fetch.limits == {"memory": "512Mi"}


AGENT = "runtimeResources.agent"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workers: 3", "`store` is missing."),
        ("store: {}", "`store.uri` is missing."),
        ("store: {uri: bucket}", "`store.uri` must begin with s3://, gs://, az:// or file://, not 'bucket'."),
        ("store: {uri: s3://b, endpoint: minio:9000}", "`store.endpoint` must begin with http:// or https://"),
        ("store: here", "`store` must hold keys and values, not 'here'."),
        (
            "store: {uri: s3://b, url: x}",
            "`store.url` is no setting; did you mean `store.uri`?",
        ),
        (
            "store: {uri: s3://b, bucket: x}",
            "`store.bucket` is no setting; known here: uri, secretName, endpoint, region, pathStyle, caCertificate.",
        ),
        (
            "store: {uri: s3://b, caCertificate: /etc/ssl/ca.crt}",
            "`store.caCertificate` must be PEM and begin with -----BEGIN CERTIFICATE-----",
        ),
        (
            "store: {uri: s3://b, secretName: Keys}",
            "`store.secretName` must be a name of Kubernetes: small letters, digits, - and ., not 'Keys'.",
        ),
        ("store: {uri: s3://b, pathStyle: 'no'}", "`store.pathStyle` should be a valid boolean, not 'no'."),
        ("{store: {uri: s3://b}, sweep_second: 3}", "`sweep_second` is no setting; did you mean `sweepSeconds`?"),
        ("{store: {uri: s3://b}, QPS: 3}", "`QPS` is no setting; did you mean `qps`?"),
        ("{store: {uri: s3://b}, workers: 0}", "`workers` should be greater than or equal to 1, not 0."),
        ("{store: {uri: s3://b}, workers: '16'}", "`workers` should be a valid integer, not '16'."),
        ("{store: {uri: s3://b}, qps: 0}", "`qps` should be greater than 0, not 0."),
        ("{store: {uri: s3://b}, qps: .inf}", "`qps` should be a finite number, not inf."),
        ("{store: {uri: s3://b}, healthPort: 70000}", "`healthPort` should be less than or equal to 65535"),
        ("{store: {uri: s3://b}, builder: {env: {A: 1}}}", "`builder.env.A` should be a valid string, not 1."),
        ("{store: {uri: s3://b}, builder: {env: [A]}}", "`builder.env` must hold keys and values, not ['A']."),
        ("{store: {uri: s3://b}, namespaces: [ml, My_Team]}", "`namespaces.1` must be a name of Kubernetes"),
        ("{store: {uri: s3://b}, namespaces: ml}", "`namespaces` must be a list, not 'ml'."),
        ("{store: {uri: s3://b}, imagePullSecrets: [{name: a}]}", "`imagePullSecrets.0` should be a valid string"),
        (
            "{store: {uri: s3://b}, runtimePullPolicy: always}",
            "`runtimePullPolicy` should be 'Always', 'IfNotPresent' or 'Never', not 'always'.",
        ),
        (
            "{store: {uri: s3://b}, runtimeResources: {agent: {limits: {memory: 64 MB}}}}",
            f"`{AGENT}.limits.memory` must be a quantity like 500m, 2 or 256Mi, not '64 MB'.",
        ),
        (
            "{store: {uri: s3://b}, runtimeResources: {agent: {limits: {mem: 64Mi}}}}",
            f"`{AGENT}.limits.mem` is no resource; did you mean `{AGENT}.limits.memory`?",
        ),
        (
            "{store: {uri: s3://b}, runtimeResources: {agent: {limits: {memory: 32Mi}}}}",
            f"`{AGENT}` requests more memory (64Mi) than it may use (32Mi).",
        ),
        (
            "{store: {uri: s3://b}, runtimeResources: {agents: {}}}",
            f"`{AGENT}s` is no setting; did you mean `{AGENT}`?",
        ),
        (
            "{store: {uri: s3://b}, leaseSeconds: {renew: 20}}",
            "`leaseSeconds` needs retry < renew < duration, or two could lead at once; not 2, 20 and 15.",
        ),
        ("{store: {uri: s3://b}, qps: 1, qps: 2}", "`qps` is there twice"),
        ("[a]", "must hold keys and values, such as"),
        ("", "must hold keys and values, such as"),
        ("{", "is not YAML"),
        ("{[a]: 1}", "is not YAML: while constructing a mapping"),
        ("{store: {uri: s3://b}, 1: 2}", "`1` keys should be strings, not 1."),
        ("store: !!python/object:os.system {}", "is not YAML: could not determine a constructor"),
        ("[" * 3000, "is nested too deeply to be settings."),
    ],
)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, "{store: {uri: x}, workers: no, leaseSeconds: {retry: 30}}"))
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml cannot be read: No such file or directory"):
        load(tmp_path / "nowhere.yaml")


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "operator.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is not YAML"):
        load(path)


def test_who_pods_run_as_and_what_builds_may_do_besides(tmp_path: Path) -> None:
    text = "{store: {uri: s3://b}, runAsUser: null, builder: {image: b, securityContext: {runAsUser: 0}}}"
    settings = load(write(tmp_path, text))
    assert context_of(settings).user is None
    builder = builder_of(settings)
    assert builder is not None
    assert (builder.user, builder.security) == (None, {"runAsUser": 0})
    assert context_of(load(write(tmp_path, "store: {uri: s3://b}"))).user == 65532


def test_root_is_no_user_for_all_pods(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="runAsUser"):
        load(write(tmp_path, "{store: {uri: s3://b}, runAsUser: 0}"))
