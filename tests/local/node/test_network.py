"""Addresses and the hosts file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from footplate_local.node.network import Addresses, hosts_text, write_hosts

HOME = Path("/home/ada/.footplate")


def pod(created: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "creationTimestamp": created}, "spec": spec}


def test_every_pod_has_an_address_of_its_own() -> None:
    expected = Addresses(HOME)
    first, second, third, fourth, fifth = (expected.take() for _ in range(5))
    addresses = Addresses(HOME)
    addresses.hold(second)
    assert [addresses.take() for _ in range(3)] == [first, third, fourth]
    addresses.release(first)
    assert addresses.take() == fifth


def test_clusters_in_different_homes_begin_at_different_addresses() -> None:
    first = {Addresses(Path(f"/home/{user}/.footplate")).take() for user in ("ada", "grace", "alan", "edsger")}
    assert len(first) == 4
    assert all(address.startswith("127.66.") for address in first)


def test_the_whole_network_is_used_before_an_address_comes_again() -> None:
    addresses = Addresses(HOME)
    taken = {addresses.take() for _ in range(65534)}
    assert len(taken) == 65534
    addresses.release("127.66.200.7")
    assert addresses.take() == "127.66.200.7"


def test_hosts_names_pods_with_hostname_and_subdomain_the_newest_of_a_name() -> None:
    worker = {"hostname": "worker-0", "subdomain": "digits"}
    pods = [
        (pod("2026-01-02", **worker), "127.66.0.9"),
        (pod("2026-01-01", **worker), "127.66.0.1"),
        (pod("2026-01-01", hostname="alone"), "127.66.0.2"),
    ]
    assert hosts_text(pods) == (
        "127.66.0.9 worker-0.digits.ns.svc worker-0.digits.ns.svc.cluster.local worker-0.digits\n"
    )


def test_hosts_is_written_when_it_changes_only(tmp_path: Path) -> None:
    path = tmp_path / "run" / "hosts"
    write_hosts(path, "a\n")
    before = path.stat()
    write_hosts(path, "a\n")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    write_hosts(path, "b\n")
    assert path.read_text() == "b\n"
