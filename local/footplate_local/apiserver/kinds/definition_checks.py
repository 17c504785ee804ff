"""What is checked of a CustomResourceDefinition beside its schemas.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go. Its internal form has what all versions
have alike (schema, subresources, columns) once, at the top, and that is where its errors lie: `spec.validation…`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from footplate_local.apiserver.errors import FieldError, field_forbidden, invalid_value, not_supported, required
from footplate_local.apiserver.objects import names
from footplate_local.apiserver.schema import fieldpath
from footplate_local.apiserver.schema.declared import schema_errors
from footplate_local.apiserver.schema.paths import child, indexed, keyed

JSON = dict[str, Any]
APPROVED = "api-approved.kubernetes.io"
_POLICY = "https://github.com/kubernetes/enhancements/pull/1111"
_COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"]
_COLUMN_FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"]
_REVIEW_VERSIONS = ("v1", "v1beta1")
_MOST_SELECTABLE = 8
_LONGEST_WARNING = 256


def definition_errors(obj: JSON, old: JSON | None) -> list[FieldError]:
    """The errors of a CRD about to be written; `old` is what it replaces."""
    spec = obj["spec"]
    found = [*_spec_errors(spec), *stored_version_errors(obj), *_approval_errors(obj, old)]
    if old is None:
        wanted = f"{spec['names'].get('plural', '')}.{spec.get('group', '')}"
        if obj["metadata"].get("name") != wanted:
            text = 'must be spec.names.plural+"."+spec.group'
            found.append(invalid_value("metadata.name", obj["metadata"].get("name", ""), text))
    else:
        found += _changed(spec, old)
    if spec.get("preserveUnknownFields"):
        text = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        found.append(invalid_value("spec.preserveUnknownFields", True, text))
    return found


def _changed(spec: JSON, old: JSON) -> Iterator[FieldError]:
    before = old["spec"]
    fixed: list[tuple[str, Any, Any]] = [
        ("spec.group", spec.get("group"), before.get("group")),
        ("spec.names.plural", spec["names"].get("plural"), before["names"].get("plural")),
    ]
    if is_established(old):
        fixed += [
            ("spec.scope", spec.get("scope"), before.get("scope")),
            ("spec.names.kind", spec["names"].get("kind"), before["names"].get("kind")),
        ]
    for path, new, former in fixed:
        if new != former:
            yield invalid_value(path, new, "field is immutable")


def is_established(definition: JSON) -> bool:
    conditions = definition.get("status", {}).get("conditions") or ()
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def stored_version_errors(obj: JSON) -> Iterator[FieldError]:
    path = "status.storedVersions"
    stored = (obj.get("status") or {}).get("storedVersions") or []
    versions = obj["spec"].get("versions") or []
    if not stored:
        yield invalid_value(path, stored, "must have at least one stored version")
        return
    for version in versions:
        if version.get("storage") and version.get("name") not in stored:
            yield invalid_value(path, stored, f"must have the storage version {version.get('name')}")
    known = {version.get("name") for version in versions}
    for index, name in enumerate(stored):
        if name not in known:
            text = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from status.storedVersions"
            )
            yield invalid_value(indexed(path, index), name, text)


def _approval_errors(obj: JSON, old: JSON | None) -> Iterator[FieldError]:
    approval = approval_of(obj)
    if approval is None or (old is not None and approval_of(old) == approval):
        return
    state, reason = approval
    path = keyed("metadata.annotations", APPROVED)
    if state == "MissingAnnotation":
        yield required(path, reason)
    elif state == "InvalidAnnotation":
        yield invalid_value(path, obj["metadata"]["annotations"][APPROVED], reason)


def approval_of(obj: JSON) -> tuple[str, str] | None:
    """Whether a kind of a group of the Kubernetes community is approved, and why; None for other groups."""
    group = obj["spec"].get("group", "")
    if not re.search(r"(^|\.)(k8s|kubernetes)\.io$", group):
        return None
    said = (obj["metadata"].get("annotations") or {}).get(APPROVED, "")
    if not said:
        return "MissingAnnotation", f'protected groups must have approval annotation "{APPROVED}", see {_POLICY}'
    if said.startswith("unapproved"):
        return "UnapprovedAnnotation", f'not approved: "{said}"'
    if urlsplit(said).netloc and urlsplit(said).scheme:
        return "ApprovedAnnotation", f"approved in {said}"
    return (
        "InvalidAnnotation",
        f'protected groups must have approval annotation "{APPROVED}" with either a URL or a reason starting with '
        f'"unapproved", see {_POLICY}',
    )


def _spec_errors(spec: JSON) -> Iterator[FieldError]:
    group, scope = spec.get("group") or "", spec.get("scope") or ""
    if not group:
        yield required("spec.group")
    elif problems := names.subdomain(group):
        yield invalid_value("spec.group", group, ",".join(problems))
    elif "." not in group:
        yield invalid_value("spec.group", group, "should be a domain with at least one dot")
    if not scope:
        yield required("spec.scope")
    elif scope not in ("Cluster", "Namespaced"):
        yield not_supported("spec.scope", scope, ["Cluster", "Namespaced"])
    versions = spec.get("versions") or []
    yield from _version_errors(versions)
    yield from _names_errors(spec["names"])
    yield from _shared_errors(versions)
    yield from _conversion_errors(spec.get("conversion") or {})


def _version_errors(versions: list[JSON]) -> Iterator[FieldError]:
    path = "spec.versions"
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            yield required(child(indexed(path, index), "schema.openAPIV3Schema"))
    all_names = [version.get("name") or "" for version in versions]
    for index, version in enumerate(versions):
        if problems := names.service_name(all_names[index]):
            yield invalid_value(child(indexed(path, index), "name"), all_names[index], ",".join(problems))
            if index == 0:
                yield invalid_value("spec.version", all_names[0], ",".join(problems))
        where = child(indexed(path, index), "deprecationWarning")
        warning = version.get("deprecationWarning")
        for text in _warning_problems(warning, deprecated=bool(version.get("deprecated"))):
            yield invalid_value(where, warning, text)
    if len(set(all_names)) != len(all_names):
        yield invalid_value(path, all_names, "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield invalid_value(path, all_names, "must have exactly one version marked as storage version")


def _warning_problems(warning: str | None, *, deprecated: bool) -> Iterator[str]:
    if warning is None:
        return
    if not deprecated:
        yield "can only be set for deprecated versions"
        return
    if len(warning.encode()) > _LONGEST_WARNING:
        yield "must be <= 256 characters long"
    if not warning:
        yield "must not be an empty string"
    for index, letter in enumerate(warning):
        if not letter.isprintable():
            text = "must only contain printable UTF-8 characters; non-printable character found at index"
            yield f"{text} {index}"
            break


def _names_errors(declared: JSON) -> Iterator[FieldError]:
    path = "spec.names"
    for name in ("plural", "singular", "kind", "listKind"):
        text = declared.get(name) or ""
        if not text:
            yield required(child(path, name))
        elif problems := names.service_name(text.lower() if name in ("kind", "listKind") else text):
            mixed = "may have mixed case, but should otherwise match: " if name in ("kind", "listKind") else ""
            yield invalid_value(child(path, name), text, mixed + ",".join(problems))
    if declared.get("kind") and declared["kind"] == declared.get("listKind"):
        yield invalid_value(child(path, "listKind"), declared["kind"], "kind and listKind may not be the same")
    for name in ("shortNames", "categories"):
        for index, text in enumerate(declared.get(name) or ()):
            if problems := names.service_name(text):
                yield invalid_value(indexed(child(path, name), index), text, ",".join(problems))


Check = Callable[[Any, str, JSON], Iterator[FieldError]]


def _shared_errors(versions: list[JSON]) -> Iterator[FieldError]:
    """The checks of what versions can have alike; each of them then says it at the top, once."""
    checks: tuple[tuple[str, str, Check], ...] = (
        ("schema", "validation", _schema_errors),
        ("subresources", "subresources", _subresource_errors),
        ("additionalPrinterColumns", "additionalPrinterColumns", _column_errors),
        ("selectableFields", "selectableFields", _selectable_errors),
    )
    with_status = any("status" in (version.get("subresources") or {}) for version in versions)
    for name, at_top, check in checks:
        values = [version.get(name) for version in versions]
        if values and all(value == values[0] for value in values):
            version = versions[0]
            if with_status:
                version = {**version, "subresources": {"status": {}, **(version.get("subresources") or {})}}
            yield from check(values[0], f"spec.{at_top}", version)
            continue
        for index, version in enumerate(versions):
            yield from check(version.get(name), child(indexed("spec.versions", index), name), version)


def _schema_errors(declared: Any, path: str, version: JSON) -> Iterator[FieldError]:
    schema = (declared or {}).get("openAPIV3Schema")
    if schema:
        status = "status" in (version.get("subresources") or {})
        yield from schema_errors(schema, child(path, "openAPIV3Schema"), status=status)


def _subresource_errors(declared: Any, path: str, version: JSON) -> Iterator[FieldError]:
    scale = (declared or {}).get("scale")
    if scale is None:
        return
    for name, parents in (
        ("specReplicasPath", (".spec.",)),
        ("statusReplicasPath", (".status.",)),
        ("labelSelectorPath", (".spec.", ".status.")),
    ):
        where, text = f"{path}.scale.{name}", scale.get(name) or ""
        if not text:
            if name != "labelSelectorPath":
                yield required(where)
        elif not text.startswith("."):
            yield invalid_value(where, text, "must be a simple json path starting with .")
        elif not text.startswith(parents):
            either = "either .spec or .status" if len(parents) > 1 else parents[0].removesuffix(".")
            yield invalid_value(where, text, f"should be a json path under {either}")


def _column_errors(declared: Any, path: str, version: JSON) -> Iterator[FieldError]:
    for index, column in enumerate(declared or ()):
        where = indexed(path, index)
        if not column.get("name"):
            yield required(child(where, "name"))
        kinds = "must be one of " + ",".join(_COLUMN_TYPES)
        if not column.get("type"):
            yield required(child(where, "type"), kinds)
        elif column["type"] not in _COLUMN_TYPES:
            yield invalid_value(child(where, "type"), column["type"], kinds)
        if column.get("format") and column["format"] not in _COLUMN_FORMATS:
            text = "must be one of " + ",".join(_COLUMN_FORMATS)
            yield invalid_value(child(where, "format"), column["format"], text)
        if not column.get("jsonPath"):
            yield required(child(where, "JSONPath"))
        elif not column["jsonPath"].startswith("."):
            text = "must be a simple json path starting with ."
            yield invalid_value(child(where, "JSONPath"), column["jsonPath"], text)


def _selectable_errors(declared: Any, path: str, version: JSON) -> Iterator[FieldError]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    seen = set()
    for index, field in enumerate(declared or ()):
        where, text = child(indexed(path, index), "jsonPath"), field.get("jsonPath") or ""
        if not text:
            yield required(where)
            continue
        try:
            shown, found = fieldpath.resolve(text, schema, brackets=False)
        except fieldpath.BadFieldPath as error:
            yield invalid_value(where, text, f"is an invalid path: {error}")
            continue
        if shown.startswith(".metadata"):
            yield invalid_value(where, text, "must not point to fields in metadata")
        if found.get("type") not in ("string", "boolean", "integer"):
            allowed = "must point to a field of type string, boolean or integer."
            yield invalid_value(where, text, f"{allowed} Enum string fields and strings with formats are allowed.")
        if shown in seen:
            yield FieldError("FieldValueDuplicate", where, text)
        seen.add(shown)
    if len(seen) > _MOST_SELECTABLE:
        yield FieldError("FieldValueTooMany", path, len(seen), f"must have at most {_MOST_SELECTABLE} items")


def _conversion_errors(conversion: JSON) -> Iterator[FieldError]:
    path, strategy = "spec.conversion", conversion.get("strategy") or ""
    if not strategy:
        yield required(child(path, "strategy"))
    elif strategy not in ("None", "Webhook"):
        yield not_supported(child(path, "strategy"), strategy, ["None", "Webhook"])
    webhook = conversion.get("webhook")
    client, versions = (webhook or {}).get("clientConfig"), (webhook or {}).get("conversionReviewVersions") or []
    if strategy != "Webhook":
        if client is not None:
            text = "should not be set when strategy is not set to Webhook"
            yield field_forbidden(child(path, "webhookClientConfig"), text)
        if versions:
            text = "should not be set when strategy is not set to Webhook"
            yield field_forbidden(child(path, "conversionReviewVersions"), text)
        return
    if client is None:
        yield required(child(path, "webhookClientConfig"), "required when strategy is set to Webhook")
    elif (client.get("url") is None) == (client.get("service") is None):
        yield required(child(path, "webhookClientConfig"), "exactly one of url or service is required")
    if not versions:
        yield required(child(path, "conversionReviewVersions"))
    elif not set(versions) & set(_REVIEW_VERSIONS):
        text = "must include at least one of " + ", ".join(_REVIEW_VERSIONS)
        yield invalid_value(child(path, "conversionReviewVersions"), versions, text)
