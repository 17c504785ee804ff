"""The least that uploading to S3 costs: raw sockets, signed by hand, bodies by ``sendfile``; for benchmarks/agent.py.

    python benchmarks/agent_floor.py ENDPOINT BUCKET/PREFIX FOLDER

No retries, no checksums, no journal: nothing here is fit for use.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

REGION = "us-east-1"
SINGLE = 16 << 20
PART = 16 << 20
local = threading.local()


def main(endpoint: str, prefix: str, folder: Path) -> None:
    host = urlsplit(endpoint).netloc
    files = [path for path in folder.rglob("*") if path.is_file()]
    at_once = 32 if files[0].stat().st_size < 1 << 20 else 8
    with ThreadPoolExecutor(at_once) as pool:
        for path in files:
            name = "/" + quote(f"{prefix}{path.relative_to(folder)}")
            upload(pool, host, name, path)


def upload(pool: ThreadPoolExecutor, host: str, name: str, path: Path) -> None:
    size = path.stat().st_size
    if size <= SINGLE:
        pool.submit(failing_loudly, lambda: request(host, "PUT", name, "", path, 0, size))
        return
    begun = request(host, "POST", name, "uploads=")[1]
    found = re.search(rb"<UploadId>(.+?)</UploadId>", begun)
    assert found, begun
    upload_id = quote(found[1].decode(), safe="")

    def part(number: int) -> str:
        start = (number - 1) * PART
        query = f"partNumber={number}&uploadId={upload_id}"
        return request(host, "PUT", name, query, path, start, min(PART, size - start))[0]

    tags = pool.map(part, range(1, -(-size // PART) + 1))
    listed = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags, 1))
    request(host, "POST", name, f"uploadId={upload_id}", f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>")


def failing_loudly(work: Callable[[], object]) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - the thread's end would go unseen
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def request(
    host: str, verb: str, name: str, query: str, body: Path | str = "", start: int = 0, size: int = 0
) -> tuple[str, bytes]:
    """Etag and body of the answer."""
    if not hasattr(local, "connection"):
        address, _, port = host.partition(":")
        local.connection = socket.create_connection((address, int(port)))
        local.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        local.answers = local.connection.makefile("rb")
    data = body.encode() if isinstance(body, str) else b""
    head = signed(host, verb, name, query, size if isinstance(body, Path) else len(data))
    connection: socket.socket = local.connection
    if isinstance(body, Path):
        connection.sendall(head, socket.MSG_MORE)
        fd = os.open(body, os.O_RDONLY)
        try:
            end = start + size
            while start < end:
                start += os.sendfile(connection.fileno(), fd, start, end - start)
        finally:
            os.close(fd)
    else:
        connection.sendall(head + data)
    return answer(local.answers)


def answer(stream: socket.SocketIO) -> tuple[str, bytes]:
    status, headers = stream.readline(), {}
    while (line := stream.readline().strip()) != b"":
        key, _, value = line.partition(b":")
        headers[key.lower()] = value.strip()
    if headers.get(b"transfer-encoding") == b"chunked":
        content = b""
        while length := int(stream.readline(), 16):
            content += stream.read(length)
            stream.readline()
        stream.readline()
    else:
        content = stream.read(int(headers.get(b"content-length", 0)))
    if status.split()[1] != b"200":
        raise RuntimeError(f"{status!r} {content!r}")
    return headers.get(b"etag", b"").decode(), content


def signed(host: str, verb: str, name: str, query: str, length: int) -> bytes:
    """The request's head with a signature of version 4 and an unsigned body."""
    now = time.gmtime()
    stamp, day = time.strftime("%Y%m%dT%H%M%SZ", now), time.strftime("%Y%m%d", now)
    names = "host;x-amz-content-sha256;x-amz-date"
    canonical = f"{verb}\n{name}\n{query}\nhost:{host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{stamp}\n\n"
    digest = hashlib.sha256(f"{canonical}{names}\nUNSIGNED-PAYLOAD".encode()).hexdigest()
    scope = f"{day}/{REGION}/s3/aws4_request"
    key = b"AWS4" + os.environb[b"AWS_SECRET_ACCESS_KEY"]
    for step in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
    access = f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    return (
        f"{verb} {name}{'?' + query if query else ''} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n"
        f"x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-date: {stamp}\r\n"
        f"Authorization: AWS4-HMAC-SHA256 {access}, SignedHeaders={names}, Signature={signature}\r\n\r\n"
    ).encode()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
