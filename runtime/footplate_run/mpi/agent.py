"""What mpirun calls to start a daemon on a node: ``AGENT [-x …] HOST COMMAND…``, as it would call ssh.

Hands its arguments and its three standard streams to the head, which runs the command on that node, and ends as the
command does. Started once a node, so it imports next to nothing, and is a file of its own beside the head's socket.
"""

import os
import socket
import sys

SOCKET = "agent.sock"
LOST = 255  # ssh's own exit code for trouble of ssh


def main() -> int:
    words = sys.argv[1:]
    _open_missing_streams()
    folder = os.getcwd()
    try:
        os.chdir(os.path.dirname(os.path.abspath(__file__)))  # the path of a socket may have 107 bytes, a folder's more
        head = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        head.connect(SOCKET)
        os.chdir(folder)
        request = b"\0".join(word.encode("utf-8", "surrogateescape") for word in words)
        length = len(request).to_bytes(4, "big")
        head.sendmsg([length], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _descriptors())])
        head.sendall(request)
        answer = b""
        while not answer.endswith(b"\n"):
            data = head.recv(65536)
            if not data:
                break
            answer += data
    except OSError as problem:
        sys.stderr.write("footplate: the head of the launch does not answer: {}\n".format(problem.strerror))
        return LOST
    kind, _, rest = answer.decode("utf-8", "surrogateescape").strip().partition(" ")
    if kind == "exit":
        return int(rest)
    if kind == "here":  # the node is this one
        os.execvp("sh", ["sh", "-c", command_of(words)[1]])
    return LOST


def command_of(words: "list[str]") -> "tuple[str, str]":
    """(host, command) of the words: options of ssh come first, what follows the host is one line for a shell."""
    start = 0
    while start < len(words) and words[start].startswith("-"):
        start += 1
    if start >= len(words):
        return "", ""
    return words[start], " ".join(words[start + 1 :])


def _descriptors() -> bytes:
    return b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2))


def _open_missing_streams() -> None:
    """Opens /dev/null for a standard stream that is closed, lest the socket gets its number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    sys.exit(main())
