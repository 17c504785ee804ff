"""An mpirun of a few lines: starts a daemon on each host by the launch agent, as the large ones do, and these start the
ranks. It knows no messages between ranks, so the transport below it can be looked at alone, under any Python.

`--agent HOST COMMAND…` among mpirun's own arguments calls the agent for that alone, and ends as it does.
"""

from __future__ import annotations

from pathlib import Path

_SMALL = """\
import os, shlex, subprocess, sys

def main():
    words = sys.argv[1:]
    if "--version" in words:
        print("mpirun (Open MPI) of the tests")
        return 0
    agent = os.environ["OMPI_MCA_plm_rsh_agent"]
    if "--agent" in words:
        start = words.index("--agent") + 1
        return subprocess.call([agent] + words[start : words.index("sh", start)])
    hosts = [line.split() for line in open(words[words.index("--hostfile") + 1])]
    program = words[words.index("sh") :]
    daemons, first = [], 0
    for host, slots in hosts:
        count = int(slots.partition("=")[2])
        ranks = " ".join(str(first + i) for i in range(count))
        command = " ".join(shlex.quote(word) for word in program)
        # What a daemon does: starts its ranks, waits for all, and fails as one of them did.
        script = "for r in {}; do OMPI_COMM_WORLD_RANK=$r {} & p=\\"$p $!\\"; done; c=0; ".format(ranks, command)
        script += "for i in $p; do wait $i || c=$?; done; exit $c"
        daemons.append(subprocess.Popen([agent, "-x", host, script], stdin=subprocess.DEVNULL))
        first += count
    failed = [code for code in [daemon.wait() for daemon in daemons] if code]
    return failed[0] if failed else 0

sys.exit(main())
"""


def write_small_mpirun(folder: Path, python: str) -> Path:
    """Writes it, and returns the folder to put on the PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mpirun"
    path.write_text(f"#!{python}\n{_SMALL}")
    path.chmod(0o755)
    return folder
