from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from footplate.settings import BuilderSettings, SettingsError, StoreSettings, load

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "architecture.md"


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
    page = DOCUMENTATION.read_text()
    section = page[page.index("### Settings of the operator") :]
    found = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert found
    documented = found.group(1)
    only_needed = write(tmp_path, yaml.safe_dump({"store": {"uri": yaml.safe_load(documented)["store"]["uri"]}}))
    defaults = load(only_needed)
    assert load(write(tmp_path, documented)) == defaults
    assert set(yaml.safe_load(documented)) == set(defaults.model_dump(by_alias=True))


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workers: 3", "`store` is missing."),
        ("store: {}", "`store.uri` is missing."),
        ("store: {uri: bucket}", "`store.uri` must begin with s3://, gs://, az:// or file://, not 'bucket'."),
        ("store: here", "`store` must hold keys and values, not 'here'."),
        (
            "store: {uri: s3://b, url: x}",
            "`store.url` is no setting; known here: uri, secretName, endpoint, region, pathStyle, caCertificate.",
        ),
        (
            "store: {uri: s3://b, caCertificate: /etc/ssl/ca.crt}",
            "`store.caCertificate` must be PEM and begin with -----BEGIN CERTIFICATE-----",
        ),
        ("store: {uri: s3://b, pathStyle: 'no'}", "`store.pathStyle` should be a valid boolean, not 'no'."),
        ("{store: {uri: s3://b}, sweep_second: 3}", "`sweep_second` is no setting; known here: store, runtimeImage"),
        ("{store: {uri: s3://b}, workers: 0}", "`workers` should be greater than or equal to 1, not 0."),
        ("{store: {uri: s3://b}, workers: '16'}", "`workers` should be a valid integer, not '16'."),
        ("{store: {uri: s3://b}, qps: 0}", "`qps` should be greater than 0, not 0."),
        ("{store: {uri: s3://b}, healthPort: 70000}", "`healthPort` should be less than or equal to 65535"),
        ("{store: {uri: s3://b}, builder: {env: {A: 1}}}", "`builder.env.A` should be a valid string, not 1."),
        ("[a]", "must hold keys and values, such as"),
        ("", "must hold keys and values, such as"),
        ("{", "is not YAML"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_mistakes_are_two_lines(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, "{store: {uri: x}, workers: no}"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml cannot be read: No such file or directory"):
        load(tmp_path / "nowhere.yaml")
