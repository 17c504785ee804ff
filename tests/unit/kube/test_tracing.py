"""Which calls kopf makes, told by their addresses."""

from __future__ import annotations

import pytest
from yarl import URL

from footplate.kube.tracing import resource_of, verb_of

JOBS = "https://api:6443/apis/footplate.dev/v1alpha1/trainingjobs"
PODS = "https://api:6443/api/v1/namespaces/team/pods"


@pytest.mark.parametrize(
    ("url", "verb", "resource"),
    [
        (f"{JOBS}?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300", "watch", "trainingjobs"),
        (f"{JOBS}?limit=500", "list", "trainingjobs"),
        (f"{PODS}?labelSelector=a%3Db&limit=500&continue=x", "list", "pods"),
        (f"{PODS}?watch=true&labelSelector=limit", "watch", "pods"),
        ("https://api:6443/apis/footplate.dev/v1alpha1", "get", "v1alpha1"),
        ("https://api:6443/", "get", ""),
    ],
)
def test_verb_and_resource(url: str, verb: str, resource: str) -> None:
    assert (verb_of(URL(url)), resource_of(URL(url))) == (verb, resource)
