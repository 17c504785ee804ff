"""A ring allreduce over plain sockets: each of WORLD_SIZE processes brings a vector, and all get the sum.

Everything a distributed program needs of its launcher and no package: RANK, WORLD_SIZE, and the address of rank 0 in
JAX_COORDINATOR_ADDRESS. Prints when it began and when it had the sum, and leaves the sum in outputs/.
"""

import os
import socket
import time
from array import array

PATIENCE = 300.0  # seconds for the others to come

Address = tuple[str, int]


def main() -> None:
    began = time.time()
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    host, _, port = os.environ["JAX_COORDINATOR_ADDRESS"].rpartition(":")
    before, after = neighbours(rank, size, (host, int(port)))
    values = array("d", [rank + column for column in range(size)])
    allreduce(values, rank, size, before, after)
    ranks = size * (size - 1) // 2
    assert list(values) == [ranks + size * column for column in range(size)], values
    print(f"rank {rank} of {size}: sum {sum(values):.0f}, began {began:.3f}, done {time.time():.3f}", flush=True)
    with open("outputs/sum.txt", "w") as file:
        file.write(f"{sum(values):.0f}\n")


def neighbours(rank: int, size: int, coordinator: Address) -> tuple[socket.socket, socket.socket]:
    """Connections from the rank before this one and to the one after it; rank 0 tells each who that is."""
    if rank == 0:
        meeting = socket.create_server(coordinator, backlog=size)
        listener = socket.create_server((coordinator[0], 0))
        successor = meet(meeting, size, listener.getsockname())
    else:
        known = connect(coordinator)
        listener = socket.create_server((known.getsockname()[0], 0))
        known.sendall(f"{rank} {listener.getsockname()[1]}\n".encode())
        host, port = known.makefile().readline().split()
        successor = (host, int(port))
    after = connect(successor)
    listener.settimeout(PATIENCE)
    before, _ = listener.accept()
    before.settimeout(PATIENCE)
    return before, after


def meet(meeting: socket.socket, size: int, own: Address) -> Address:
    """Rank 0: waits for all, tells each the address of the next one, and returns that of rank 1."""
    meeting.settimeout(PATIENCE)
    addresses, waiting = {0: own}, {}
    while len(addresses) < size:
        connection, (host, _) = meeting.accept()
        connection.settimeout(PATIENCE)
        rank, port = map(int, connection.makefile().readline().split())
        addresses[rank], waiting[rank] = (host, port), connection
    for rank, connection in waiting.items():
        host, port = addresses[(rank + 1) % size]
        connection.sendall(f"{host} {port}\n".encode())
    return addresses[1 % size]


def connect(address: Address) -> socket.socket:
    """A connection to a server that may not be there yet."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(address, timeout=PATIENCE)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def allreduce(values: array, rank: int, size: int, before: socket.socket, after: socket.socket) -> None:
    """Column by column around the ring: first each rank adds what is its own, then the sums go round."""
    for step in range(2 * (size - 1)):
        after.sendall(values[(rank - step) % size : (rank - step) % size + 1].tobytes())
        received = array("d", before.recv(values.itemsize, socket.MSG_WAITALL))
        assert received, "the rank before this one has gone"
        column = (rank - step - 1) % size
        values[column] = values[column] + received[0] if step < size - 1 else received[0]


if __name__ == "__main__":
    main()
