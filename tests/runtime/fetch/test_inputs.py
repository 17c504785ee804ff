"""Getting inputs, by fetch as a process: from a web server that breaks off, real S3, and folders."""

from __future__ import annotations

import os
from typing import Any

from http_files import HttpFiles
from replica import Replica
from s3_server import S3Server

from footplate_runtime.store import open_store


def _fetched(replica: Replica, uri: str) -> dict[str, Any]:
    replica.inputs = [{"name": "data", "uri": uri, "mode": "Download"}]
    replica.write_orders()
    done = replica.fetch()
    assert done.returncode == 0, done.stderr
    assert "data: " in done.stdout
    found: dict[str, Any] = replica.termination()["inputs"][0]
    return found


def _refused(replica: Replica, uri: str) -> str:
    replica.inputs = [{"name": "data", "uri": uri, "mode": "Download"}]
    replica.write_orders()
    done = replica.fetch()
    assert done.returncode == 1
    error = replica.termination()["error"]
    assert error["reason"] == "InputUnavailable"
    assert error["message"].startswith("Input data: ")
    return str(error["message"])


def test_a_file_from_the_web_is_the_input_itself(replica: Replica, web: HttpFiles) -> None:
    web.files["/train.csv"] = b"1,2\n"

    found = _fetched(replica, f"{web.url}/train.csv")

    assert (replica.root / "inputs/data").read_bytes() == b"1,2\n"
    assert (found["name"], found["files"], found["bytes"]) == ("data", 1, 4)
    assert found["uri"] == f"{web.url}/train.csv"
    assert found["etag"]


def test_a_broken_connection_goes_on_where_it_broke(replica: Replica, web: HttpFiles) -> None:
    data = os.urandom(3 << 20)
    web.files["/big"] = data
    web.troubles = [("break", 1 << 20), ("status", 503), ("break", 1 << 20)]

    found = _fetched(replica, f"{web.url}/big")

    assert (replica.root / "inputs/data").read_bytes() == data
    assert web.ranges == [None, f"bytes={1 << 20}-", f"bytes={1 << 20}-", f"bytes={2 << 20}-"]
    assert found["bytes"] == len(data)


def test_a_file_that_changes_in_the_middle_starts_again(replica: Replica, web: HttpFiles) -> None:
    class Changing(dict[str, bytes]):
        asked = 0

        def get(self, key: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
            self.asked += 1
            return b"a" * 1000 if self.asked == 1 else b"b" * 1500

    web.files = Changing()
    web.troubles = [("break", 500)]

    assert _fetched(replica, f"{web.url}/x")["bytes"] == 1500
    assert (replica.root / "inputs/data").read_bytes() == b"b" * 1500


def test_what_the_web_server_refuses_is_not_tried_again(replica: Replica, web: HttpFiles) -> None:
    assert "answered 404" in _refused(replica, f"{web.url}/none")
    web.troubles = [("status", 403)]
    assert "answered 403" in _refused(replica, f"{web.url}/none")
    assert len(web.ranges) == 2


def test_no_password_in_what_is_said(replica: Replica) -> None:
    message = _refused(replica, "ftp://user:hunter2@example.com/x")
    assert "hunter2" not in message


def test_a_local_file_and_a_local_folder(replica: Replica) -> None:
    data = replica.base / "data"
    (data / "deep").mkdir(parents=True)
    (data / "a.csv").write_text("1")
    (data / "deep/b.csv").write_text("22")
    (data / "link.csv").symlink_to("deep/b.csv")
    (data / "loop").symlink_to(".")

    found = _fetched(replica, data.as_uri())
    assert (found["files"], found["bytes"]) == (3, 5)
    assert (replica.root / "inputs/data/deep/b.csv").read_text() == "22"
    assert (replica.root / "inputs/data/link.csv").read_text() == "22"
    assert not (replica.root / "inputs/data/loop").exists()

    assert _fetched(replica, (data / "a.csv").as_uri())["files"] == 1
    assert (replica.root / "inputs/data").read_text() == "1"


def test_local_things_that_are_no_data(replica: Replica) -> None:
    assert "is not a file of data" in _refused(replica, "file:///proc/self/environ")
    link = replica.base / "link"
    link.symlink_to("/proc/self")
    assert "is not a file of data" in _refused(replica, (link / "environ").as_uri())
    assert "cannot be read" in _refused(replica, (replica.base / "none").as_uri())


def test_an_object_and_a_prefix(replica: Replica, s3_server: S3Server) -> None:
    uri = s3_server.new_uri()
    store = open_store(uri, s3_server.endpoint, None, s3_server.env)
    for i in range(40):
        store.put(f"digits/part-{i}/x.bin", bytes([i]) * i)
    store.put("digits.csv", b"1,2,3")
    replica.endpoint, replica.secret = s3_server.endpoint, s3_server.env

    found = _fetched(replica, f"{uri}digits/")
    assert (found["files"], found["bytes"]) == (40, sum(range(40)))
    assert found["etag"].startswith("sha256:")
    assert (replica.root / "inputs/data/part-7/x.bin").read_bytes() == b"\x07" * 7
    assert _fetched(replica, f"{uri}digits") == {**found, "uri": f"{uri}digits"}

    found = _fetched(replica, f"{uri}digits.csv")
    assert (replica.root / "inputs/data").read_bytes() == b"1,2,3"
    assert found["etag"] == store.head("digits.csv").etag

    assert "There is nothing at" in _refused(replica, f"{uri}none")
    replica.secret = s3_server.env | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    assert "refused access" in _refused(replica, f"{uri}digits/")


def test_bad_orders_are_told(replica: Replica) -> None:
    replica.inputs = [{"name": "../evil", "uri": "file:///x"}]
    replica.write_orders()

    assert replica.fetch().returncode == 1
    assert "is no name of an input" in replica.termination()["error"]["message"]
