"""Google Cloud Storage's XML API as the client uses it, over objects in memory: a stub, for no emulator that can be had
answers this client. Requests must carry a token signed by the one service account it knows, as Google checks them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_BUCKET = "runs"
_PAGE = 7  # names in an answer of a listing: small, so that there are several


@dataclass(frozen=True)
class _Object:
    data: bytes
    generation: int
    modified: float

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'


class GcsServer:
    """The server; ``key`` is the service account's key file, ``renew`` makes it another one."""

    region: str | None = None

    def __init__(self) -> None:
        self.objects: dict[str, _Object] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.lock = threading.Lock()
        self.generations = itertools.count(int(time.time() * 1e6))
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gcs": self}))
        self._server = server
        self.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        self.renew()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def renew(self) -> None:
        """Another key; what the old one signs is refused from now on."""
        private = rsa.generate_private_key(65537, 2048)
        self.public = private.public_key()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {"client_email": "tests@example.iam.gserviceaccount.com", "private_key_id": secrets.token_hex(8)}
        self.key = json.dumps({"type": "service_account", "private_key": pem.decode(), **account})

    @property
    def env(self) -> dict[str, str]:
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": self.key}

    def new_uri(self) -> str:
        return f"gs://{_BUCKET}/{secrets.token_hex(8)}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    gcs: GcsServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _any(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        bucket, _, name = unquote(url.path).lstrip("/").partition("/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._signed():
            return self._say(401, _error("AuthenticationRequired"))
        if bucket != _BUCKET:
            return self._say(404, _error("NoSuchBucket"))
        with self.gcs.lock:
            if not name:
                return self._list(query)
            if "uploads" in query or "uploadId" in query:
                return self._upload(name, query, body)
            return getattr(self, f"_{self.command.lower()}")(name, body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any

    def _signed(self) -> bool:
        """A token of the service account (RFC 7515, RS256)."""
        head, _, signature = (self.headers.get("Authorization") or "").removeprefix("Bearer ").rpartition(".")
        try:
            claims = json.loads(_decoded(head.partition(".")[2]))
            self.gcs.public.verify(_decoded(signature), head.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            return False
        return bool(claims["exp"] > time.time())

    def _put(self, name: str, body: bytes) -> None:
        wanted, old = self.headers.get("x-goog-if-generation-match"), self.gcs.objects.get(name)
        if wanted is not None and int(wanted) != (old.generation if old else 0):
            return self._say(412, _error("PreconditionFailed"))
        return self._say(200, b"", self._stored(name, body))

    def _stored(self, name: str, data: bytes) -> _Object:
        self.gcs.objects[name] = made = _Object(data, next(self.gcs.generations), time.time())
        return made

    def _get(self, name: str, _: bytes) -> None:
        found = self.gcs.objects.get(name)
        if found is None:
            return self._say(404, _error("NoSuchKey"))
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not asked:
            return self._say(200, found.data, found)
        start, size = int(asked[1]), len(found.data)
        if start >= size:
            return self._say(416, _error("InvalidRange"))
        end = min(int(asked[2] or size) + 1, size)
        return self._say(206, found.data[start:end], found, {"Content-Range": f"bytes {start}-{end - 1}/{size}"})

    _head = _get

    def _delete(self, name: str, _: bytes) -> None:
        gone = self.gcs.objects.pop(name, None)
        self._say(204 if gone else 404, b"" if gone else _error("NoSuchKey"))

    def _upload(self, name: str, query: dict[str, str], body: bytes) -> None:
        if "uploads" in query:
            upload = secrets.token_hex(8)
            self.gcs.uploads[upload] = {}
            told = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            return self._say(200, told.encode())
        upload = query["uploadId"]
        if self.command == "PUT":
            self.gcs.uploads[upload][int(query["partNumber"])] = body
            return self._say(200, b"", _Object(body, 0, time.time()))
        parts = self.gcs.uploads.pop(upload)
        if self.command == "DELETE":
            return self._say(204)
        made = self._stored(name, b"".join(parts[int(n)] for n in re.findall(rb"<PartNumber>(\d+)<", body)))
        told = f"<CompleteMultipartUploadResult><ETag>{escape(made.etag)}</ETag></CompleteMultipartUploadResult>"
        return self._say(200, told.encode(), made)

    def _list(self, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        names = sorted(name for name in self.gcs.objects if name.startswith(prefix) and name > after)
        page, folders = names[:_PAGE], set()
        if delimiter:
            page, folders = names, {name[: name.find("/", len(prefix)) + 1] for name in names}
            page = [name for name in names if "/" not in name[len(prefix) :]]
        told = [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders if folder]
        for name in page:
            found = self.gcs.objects[name]
            modified = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(found.modified))
            told.append(
                f"<Contents><Key>{escape(name)}</Key><Size>{len(found.data)}</Size>"
                f"<LastModified>{modified}</LastModified><ETag>{escape(found.etag)}</ETag></Contents>"
            )
        if not delimiter and len(names) > _PAGE:
            told.append(f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>")
        self._say(200, f"<ListBucketResult>{''.join(told)}</ListBucketResult>".encode())

    def _say(
        self, status: int, body: bytes = b"", about: _Object | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response_only(status)
        if about is not None:
            self.send_header("ETag", about.etag)
            self.send_header("x-goog-generation", str(about.generation))
            self.send_header("Last-Modified", formatdate(about.modified, usegmt=True))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>by the stub</Message></Error>".encode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """One server for all tests of a process."""
    server = GcsServer()
    yield server
    server.close()
