"""In which form an answer is wanted: the Accept header, and `includeObject` of a table.

Source: apiserver pkg/endpoints/handlers/negotiation. Answers are always JSON; a client that would take protobuf or
YAML as well gets it too, and each of these clients reads the Content-Type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from footplate_local.apiserver.errors import bad_request, not_acceptable

JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
_FORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
_VERSIONS = ("v1", "v1beta1")


@dataclass(frozen=True, slots=True)
class Accepted:
    """`form` is "" (the object as it is) or one of the kinds above, `version` that of meta.k8s.io.

    `include` says what of its object stands in a row of a table: Metadata, Object or None.
    """

    form: str = ""
    version: str = "v1"
    include: str = "Metadata"

    @property
    def api_version(self) -> str:
        return f"meta.k8s.io/{self.version}"


def media_types(*, custom: bool) -> list[str]:
    """What bodies may be written in."""
    return [JSON_TYPE, YAML_TYPE] if custom else [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE]


def accepted(request: web.BaseRequest) -> Accepted:
    """The first form of the Accept header that can be given, best liked first. Raises 406, and 400 on a bad query."""
    header = request.headers.get("Accept", "")
    if not header.strip():
        return Accepted()
    for media, parameters in choices(header):
        if media not in ("*/*", "application/*", JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE):
            continue
        form = parameters.get("as", "")
        if not form and not parameters.keys() & {"g", "v"}:
            return Accepted()
        known = form in _FORMS and parameters.get("g") == "meta.k8s.io" and parameters.get("v") in _VERSIONS
        if known and not (form == "Table" and media == PROTOBUF_TYPE):
            return Accepted(form, parameters["v"], _include(request) if form == "Table" else "Metadata")
    raise not_acceptable(f"only the following media types are accepted: {', '.join(media_types(custom=False))}")


def choices(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Media types with their parameters; those of the same quality in the order they stand."""
    found = []
    for choice in header.split(","):
        media, *parts = (part.strip() for part in choice.split(";"))
        parameters = dict(part.split("=", 1) for part in parts if "=" in part)
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 1.0
        found.append((-quality, media.lower(), parameters))
    for _, media, parameters in sorted(found, key=lambda item: item[0]):
        yield media, parameters


def _include(request: web.BaseRequest) -> str:
    wanted = request.query.get("includeObject", "")
    if wanted not in ("", "Metadata", "Object", "None"):
        raise bad_request(
            f'Unable to convert to Table as requested: includeObject: Invalid value: "{wanted}": must be '
            "'Metadata', 'Object', 'None', or empty"
        )
    return wanted or "Metadata"
