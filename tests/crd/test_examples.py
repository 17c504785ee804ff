"""Each file of accept/ and reject/ against the API server. Two documents in a file: an object and its update.

A refused file's first line says why: `# refused: <a part of the sentence>`.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_server import ApiServerInThread

from footplate.api.crd import DEFINITIONS
from footplate.constants import API_VERSION

HERE = Path(__file__).parent
PATHS = {
    known.kind: f"/apis/{API_VERSION}/{'namespaces/default/' if known.namespaced else ''}{known.plural}"
    for known in DEFINITIONS
}

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServerInThread]:
    """One server for all examples: they only need the CRDs, and delete what they create."""
    with tempfile.TemporaryDirectory() as home:
        started = ApiServerInThread(Path(home))
        started.start()
        try:
            started.load_crds()
            yield started
        finally:
            started.stop()


def examples(folder: str) -> Any:
    files = sorted((HERE / folder).glob("*.yaml"))
    assert files
    return pytest.mark.parametrize("file", files, ids=lambda file: file.stem)


def apply(server: ApiServerInThread, file: Path) -> tuple[int, Json]:
    """Creates the file's object, updates it with each further document, deletes it; the last answer."""
    first, *updates = yaml.safe_load_all(file.read_text())
    path = PATHS[first["kind"]]
    status, answer = server.request("POST", path, first)
    if status != 201:
        assert not updates, f"the object cannot even be created: {answer['message']}"
        return status, answer
    try:
        for update in updates:
            update["metadata"]["resourceVersion"] = answer["metadata"]["resourceVersion"]
            status, answer = server.request("PUT", f"{path}/{first['metadata']['name']}", update)
    finally:
        server.request("DELETE", f"{path}/{first['metadata']['name']}")
    return status, answer


@examples("accept")
def test_accepted(server: ApiServerInThread, file: Path) -> None:
    status, answer = apply(server, file)

    assert status in (200, 201), answer["message"]


@examples("accept")
def test_the_models_read_it_and_have_the_same_defaults(server: ApiServerInThread, file: Path) -> None:
    _, answer = apply(server, file)

    model = next(d.model for d in DEFINITIONS if d.kind == answer["kind"])
    given = list(yaml.safe_load_all(file.read_text()))[-1]
    assert model.model_validate(given).model_dump(include={"spec"}) == model.model_validate(answer).model_dump(
        include={"spec"}
    )


@examples("reject")
def test_refused(server: ApiServerInThread, file: Path) -> None:
    why, _, _ = file.read_text().partition("\n")
    assert why.startswith("# refused: ")

    status, answer = apply(server, file)

    assert status == 422, f"accepted, though it should say: {why}"
    assert why.removeprefix("# refused: ") in answer["message"]


def test_shipped_examples_are_accepted(server: ApiServerInThread) -> None:
    files = sorted((HERE.parents[1] / "examples").rglob("*.yaml"))
    documents = [document for file in files for document in yaml.safe_load_all(file.read_text())]
    ours = [document for document in documents if document.get("apiVersion") == API_VERSION]
    assert ours

    for document in ours:
        status, answer = server.request(
            "POST", f"{PATHS[document['kind']]}?dryRun=All&fieldValidation=Strict", document
        )

        assert status == 201, answer["message"]
