"""What the client says in a page, as one sentence: what failed, why, and what to do."""

from __future__ import annotations

import re

from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

from footplate_runtime.store.errors import (
    AccessDenied,
    InvalidStore,
    NotFound,
    StoreError,
    StoreThrottled,
    StoreUnavailable,
)

# Codes of S3 (Error responses, with those of MinIO, Ceph and SeaweedFS), of Azure and of Google; a status where a HEAD
# or a server leaves the code out. The first that fits counts.
_MEANINGS: tuple[tuple[str, type[StoreError], str], ...] = (
    (
        r"SlowDown\w*|ServerBusy|TooManyRequests|Throttl\w*|RequestLimitExceeded|status 429|status 503",
        StoreThrottled,
        "{name} cannot be reached: the store is overloaded ({code}) and asks for fewer requests.",
    ),
    (
        r"InsufficientStorage|XMinioStorageFull|\w*QuotaExceeded\w*|XMinio\w*Quota\w*|StorageFull|status 507",
        StoreUnavailable,
        "{name} cannot be written: the store is full ({code}); free some space, or raise its quota.",
    ),
    (
        r"RequestTimeTooSkewed|RequestExpired",
        StoreUnavailable,
        "The store refused {name} because the clock of this machine is wrong ({code}); set it, best by NTP.",
    ),
    (
        r"PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|AuthorizationQuery\w*",
        InvalidStore,
        "The bucket of {name} is in another region ({code}{hint}); correct the region in the store's settings.",
    ),
    (
        r"ExpiredToken\w*|TokenRefreshRequired|InvalidToken|ExpiredAuthenticationToken",
        AccessDenied,
        "The credentials for {name} have expired ({code}); renew them in the store's Secret.",
    ),
    (
        r"BadDigest|XAmz\w*Mismatch|InvalidDigest|Md5Mismatch|Crc64Mismatch|InvalidChecksum",
        StoreUnavailable,
        "{name} was damaged on its way, and the store refused it ({code}).",
    ),
    (
        r"NoSuchBucket|ContainerNotFound",
        NotFound,
        "The bucket of {name} does not exist; create it or correct the store's uri.",
    ),
)
# What the client itself finds, in words of its debug output.
_FINDINGS: tuple[tuple[str, type[StoreError], str], ...] = (
    (
        "redirect without LOCATION",
        InvalidStore,
        "The bucket of {name} is in another region; correct the region in the store's settings.",
    ),
    (
        "169.254.|MissingCredential|metadata.google.internal",
        AccessDenied,
        "There are no credentials for {name}; put them into the store's Secret.",
    ),
    (
        r"InvalidCertificate\(\s*(?P<why>\w+)",
        InvalidStore,
        "The certificate of the store of {name} is not trusted ({why}); give its CA as store.caCertificate.",
    ),
    (
        "failed to lookup address|dns error",
        StoreUnavailable,
        "{name} cannot be reached: the host of its endpoint has no address; check the endpoint, or the cluster's DNS.",
    ),
    ("kind: Timeout|TimedOut", StoreUnavailable, "{name}: the store did not answer in time."),
)


def store_error(error: Exception, name: str) -> StoreError:
    """The error of the store for one of the client's, about the object of this name."""
    text = str(error)
    code = _first(r"<Code>(\w+)</Code>", text)
    # Of some calls (listing) the library gives every refusal as a generic error with the status in its text.
    status = _first(r"non-2xx status code: (\d{3})", text)
    for pattern, kind, sentence in _MEANINGS:
        if (code and re.fullmatch(pattern, code)) or (status and re.fullmatch(pattern, f"status {status}")):
            hint = _first(r"<Message>[^<]*(; expecting|expecting|is) '([\w-]+)'", text, group=2)
            said = code or f"status {status}"
            return kind(sentence.format(name=name, code=said, hint=f", expected is {hint}" if hint else ""))
    if isinstance(error, (NotFoundError, FileNotFoundError)) or status == "404":
        return NotFound(f"There is no {name}.")
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or status in ("401", "403"):
        said = f" ({code})" if code else ""
        return AccessDenied(
            f"The store refused access to {name}{said}; check the keys in the store's Secret and their rights."
        )
    if not status:
        for pattern, kind, sentence in _FINDINGS:
            if match := re.search(pattern, text):
                return kind(sentence.format(name=name, **match.groupdict()))
    cause = re.findall(r'message: "([^"]+)"', text)
    reason = code or (cause[-1] if cause else first_line(error).rsplit(" - ", 1)[-1])
    return StoreUnavailable(f"{name} cannot be reached: {reason}.")


def timed_out(error: Exception) -> bool:
    """Whether the client gave up waiting."""
    return bool(re.search("kind: Timeout|TimedOut", str(error)))


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".")


def _first(pattern: str, text: str, group: int = 1) -> str:
    match = re.search(pattern, text)
    return match[group] if match else ""
