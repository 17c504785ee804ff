"""Odd values for every part of a request: what clients get wrong, and what parsers stumble over."""

from __future__ import annotations

import base64
from typing import Any

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MEDIA = (
    "application/json", "application/yaml", JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH, PROTOBUF,
    "application/apply-patch+cbor", "application/json; charset=utf-8", "text/plain", "", ";", "a/b/c", "*/*",
    "application/json;;=;q", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
)  # fmt: skip
ACCEPT = (
    "application/json", "*/*", "", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/yaml",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "application/json;as=Table;v=v1beta1",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", PROTOBUF, "text/html",
    "application/json;as=;=;",
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json", ",,;;,",
    "application/json;stream=watch", "application/vnd.kubernetes.protobuf;as=Table, application/json;q=0",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND")
SEGMENTS = (
    "", ".", "..", "%2e%2e", "%2F", "%00", "%ff%fe", "a%20b", "%25", "%", "%zz", "a" * 300, "x" * 5000, "é", "%C3%A9",
    "💥", "A", "-", "default", "pods", "status", "scale", "log", "binding", "exec", "eviction", "finalize", "token",
    "v1",
    "v2", "apis", "api", "namespaces", "watch", "proxy", ":", "a:b", "*", "~", "a;b", "configmaps", "0", "%0d%0a",
)  # fmt: skip
SELECTORS = (
    "a=b", "a==b", "a!=b", "a in (b,c)", "a notin (b)", "!a", "a", ",", ",,", "=", "a=b,", "a in", "a in (",
    "in in (in)",
    "a>1", "a<x", "a>99999999999999999999", "a=" + "b" * 100, "(((", "a,b,!c", "metadata.name=a", "metadata.name!=a",
    "spec.x=1", "metadata.namespace=default,", "status.phase=Running", "a\\,b=c", "é=é", "\x00", "a=b\n", " ",
    "a in ()",
    "!" * 50, "a" + ",a" * 500, "involvedObject.name=x", "type=Normal", "metadata.name=\\", "a = b , c notin ( d , e )",
)  # fmt: skip
TOKENS = (
    "x", "e30", "e30=", "WzFd", "WzEsMiwzXQ==", "bnVsbA==", "é", "====", "a" * 3000, "-1", "%00",
    base64.urlsafe_b64encode(b'[99999999999999999999999,"a","b"]').decode(),
    base64.urlsafe_b64encode(b'[-5,"",""]').decode(), base64.urlsafe_b64encode(b'["x",null,{}]').decode(),
    base64.urlsafe_b64encode(b'{"v":"meta.k8s.io/v1","rv":1000,"start":"a"}').decode(),
    base64.urlsafe_b64encode(b"[" * 5000).decode(), base64.urlsafe_b64encode(b"\xff\xfe\x00").decode(),
)  # fmt: skip
NUMBERS = (
    "0", "1", "-1", "2", "500", "9" * 30, "1e3", "0x10", "NaN", "١", "", " 1", "1_000", "+1", "1.5", "-" * 9,
    "9" * 5000,
)  # fmt: skip
WORDS = ("", "All", "all", "true", "false", "1", "None", "Strict", "Ignore", "Warn", "Exact", "NotOlderThan",
"Background",
         "Foreground", "Orphan", "x" * 200, "é\x00", "\ud83d", "a/b", "kubectl", "a b\n", "0")  # fmt: skip
QUERY: dict[str, tuple[str, ...]] = {
    "labelSelector": SELECTORS, "fieldSelector": SELECTORS, "limit": NUMBERS, "continue": TOKENS, "watch": WORDS,
    "resourceVersion": NUMBERS, "resourceVersionMatch": WORDS, "timeoutSeconds": NUMBERS, "allowWatchBookmarks": WORDS,
    "sendInitialEvents": WORDS, "dryRun": WORDS, "fieldManager": WORDS, "fieldValidation": WORDS, "force": WORDS,
    "propagationPolicy": WORDS, "gracePeriodSeconds": NUMBERS, "orphanDependents": WORDS, "pretty": WORDS,
    "container": WORDS, "follow": WORDS, "tailLines": NUMBERS, "unknown": WORDS, "": WORDS, "includeObject": WORDS,
}  # fmt: skip


def _deep(depth: int, *, as_list: bool = False) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if as_list else {"a": value}
    return value


VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 65536, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40, 0.5, -0.0, 1e300, 1e22,
    "", " ", "x", "a" * 64, "a" * 300, "\x00", "é", "\ud800", "💥", "\u2028", "NaN", "1", "-1", "1Ki", "1e400", "..",
    "/",
    "2026-01-02T03:04:05Z", "2026-99-99T99:99:99Z", "0001-01-01T00:00:00Z", "(", "[", "^(a+)+$", "*", "$", "a.b",
    ".a", "a\n",
    "self.x", "self.all(i, i > 0)", "has(self.a", "object", "string", "integer", "array", "Always", "Namespaced",
    "default",
    [], {}, [None], [[]], [1, "a", {}], {"": None}, {"a": 1}, {"a": {"b": {}}}, {"name": "a"}, [{"name": "a"}],
    [{"name": "a"}, {"name": "a"}], {"$patch": "delete"}, {"$patch": "replace"}, {"$patch": 7}, [{"$patch": "delete"}],
    {"$ref": "#/a"}, {"type": "object"}, {"x-kubernetes-preserve-unknown-fields": True}, {"k:{": {}}, {"f:a": {}},
    _deep(30), _deep(30, as_list=True), _deep(150),
)  # fmt: skip
KEYS = (
    "", "a", "metadata", "name", "namespace", "labels", "annotations", "finalizers", "ownerReferences", "managedFields",
    "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "uid", "generation", "generateName",
    "selfLink",
    "creationTimestamp", "spec", "status", "data", "binaryData", "stringData", "immutable", "type", "kind",
    "apiVersion",
    "$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers",
    "$setElementOrder/ports",
    "x" * 300, "é", "\x00", "a/b", "~", "default", "properties", "items", "x-kubernetes-validations", "nullable",
    "enum",
    "containers", "ports", "conditions", "replicas", "versions", "names", "preconditions", "dryRun", "orphanDependents",
)  # fmt: skip
RAW_BODIES: tuple[bytes, ...] = (
    b"", b" ", b"null", b"[]", b"{}", b"1", b'"x"', b"{", b'{"a":', b"NaN", b'{"a":NaN}', b'{"a":-Infinity}',
    b'{"a":1e999}',
    b'{"a":' + b"9" * 5000 + b"}", b"\xff\xfe\x00", b'{"metadata":{"name":"\xff"}}', b'{"a":1,"a":2}',
    b"\xef\xbb\xbf{}",
    b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"\x00" * 100,
    b"\x1f\x8b\x08\x00",
    b"k8s\x00", b"k8s\x00\x0a\xff", b"k8s\x00\x0a\x04\x0a\x02v1\x12\x00", b"k8s\x00" + b"\xff" * 300,
    b"k8s\x00\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x05\x0a\xff\xff\xff\xff", '{"a":1}'.encode("utf-16"),
    b"".join(b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9)) for name in range(98, 105)),
    b"a: &a [x,x,x]\n" + b"".join(b"%c: &%c [*%c,*%c,*%c]\n" % (n, n, n - 1, n - 1, n - 1) for n in range(98, 120)),
    b"a: &a\n  b: *a\n", b"a: 2020-01-01\n", b"1: 2\n", b"? [a, b]\n: c\n", b"a: !!python/object:os.system x\n",
    b"- 1\n- 2\n",
    b"a: !!binary aGk=\n", b"a: .nan\nb: .inf\n", b"a: !!set {x}\n", b"a: 0o17\nb: 1_000\nc: yes\nd: ~\n",
    b"---\na: 1\n---\nb: 2\n",
    b"a: b: c", b"\t\t", b"%YAML 9.9\n", b"<<: *x", b"<<: {a: 1}\nb: 2\n", b"a: " + b"[" * 3000, b"{'a': \"\\ud800\"}",
)  # fmt: skip
