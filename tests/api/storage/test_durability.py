"""What was acknowledged is there after a restart, however the server ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from api_objects import CONFIG_MAPS, DEFINITIONS, THINGS, config_map, created, definition, events, read, thing
from api_process import READY_SECONDS, running
from api_server import ApiServerInThread

from footplate_local.apiserver.storage.model import encode


def test_objects_kinds_token_and_port_survive_a_restart(api_server: ApiServerInThread) -> None:
    created(api_server, DEFINITIONS, definition({"type": "object"}))
    created(api_server, THINGS, thing("a"))
    before, url, token = created(api_server, CONFIG_MAPS, config_map("a")), api_server.url, api_server.token
    api_server.restart()
    assert (api_server.url, api_server.token) == (url, token)
    assert read(api_server, f"{CONFIG_MAPS}/a") == before
    assert read(api_server, f"{THINGS}/a")["metadata"]["name"] == "a"


def test_resource_versions_keep_rising_over_restarts(api_server: ApiServerInThread) -> None:
    before = int(created(api_server, CONFIG_MAPS, config_map("a"))["metadata"]["resourceVersion"])
    api_server.request("DELETE", f"{CONFIG_MAPS}/a")
    api_server.restart()
    assert int(created(api_server, CONFIG_MAPS, config_map("a"))["metadata"]["resourceVersion"]) > before + 1


def test_a_watch_resumes_over_a_restart_where_it_was(api_server: ApiServerInThread) -> None:
    version = created(api_server, CONFIG_MAPS, config_map("a"))["metadata"]["resourceVersion"]
    created(api_server, CONFIG_MAPS, config_map("b", labels={"x": "1"}))
    api_server.request("DELETE", f"{CONFIG_MAPS}/a")
    api_server.restart()
    created(api_server, CONFIG_MAPS, config_map("c"))
    with api_server.open("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={version}") as response:
        stream = events(response)
        seen = [(event["type"], event["object"]["metadata"]["name"]) for event in (next(stream) for _ in range(3))]
    assert seen == [("ADDED", "b"), ("DELETED", "a"), ("ADDED", "c")]


def test_every_acknowledged_write_survives_sigkill(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    killer = None
    with running(tmp_path) as server:
        for number in range(100_000):
            if len(acknowledged) == 20 and killer is None:
                # It dies somewhere between or in the middle of two of the next writes.
                killer = subprocess.Popen(["sh", "-c", f"sleep 0.05; kill -9 {server.process.pid}"])
            try:
                if server.request("POST", CONFIG_MAPS, encode(config_map(f"c-{number}"))) == 201:
                    acknowledged.append(f"c-{number}")
            except (OSError, EOFError):
                break
        assert killer is not None
        assert killer.wait() == 0
        assert server.process.wait() == -signal.SIGKILL
    with running(tmp_path) as server:
        lost = [name for name in acknowledged if server.request("GET", f"{CONFIG_MAPS}/{name}") != 200]
    assert lost == []


def test_sigterm_ends_the_process_cleanly_and_soon(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0


def test_a_home_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("")
    argv = [sys.executable, "-m", "footplate_local.apiserver", "--home", str(home)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=READY_SECONDS)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"the API server cannot start in {home}: ")


@pytest.mark.parametrize("name", ["token", "kubeconfig", "run/apiserver.pem"])
def test_secrets_are_for_their_owner_alone(api_server: ApiServerInThread, name: str) -> None:
    assert (api_server.home / name).stat().st_mode & 0o077 == 0


def test_a_full_disk_is_told_and_the_server_goes_on_when_there_is_room(api_server: ApiServerInThread) -> None:
    def limit(pages: int) -> None:
        connection = api_server.server._storage._database._connection
        api_server.on_its_loop(lambda: connection.execute(f"PRAGMA max_page_count={pages}").fetchall())

    before = created(api_server, CONFIG_MAPS, config_map("before"))
    limit(1)  # SQLite takes what there is already
    large = config_map("large", {"pad": "x" * 500_000})
    status, answer = api_server.request("POST", CONFIG_MAPS, large)
    assert (status, answer["reason"]) == (500, "InternalError")
    assert answer["message"] == "Internal error occurred: database or disk is full"
    assert read(api_server, f"{CONFIG_MAPS}/before") == before
    assert api_server.request("GET", f"{CONFIG_MAPS}/large")[0] == 404
    limit(1_000_000)
    created(api_server, CONFIG_MAPS, large)
