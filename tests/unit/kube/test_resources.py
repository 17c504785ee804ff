from __future__ import annotations

import pytest

from footplate.kube.resources import COMPUTE_POOLS, LEASES, PODS, TRAINING_JOBS, Resource


@pytest.mark.parametrize(
    ("resource", "place", "path"),
    [
        (PODS, (), "/api/v1/pods"),
        (PODS, ("default",), "/api/v1/namespaces/default/pods"),
        (PODS, ("default", "a", "log"), "/api/v1/namespaces/default/pods/a/log"),
        (LEASES, ("kube-system", "x"), "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x"),
        (TRAINING_JOBS, ("ml", "d", "status"), "/apis/footplate.dev/v1alpha1/namespaces/ml/trainingjobs/d/status"),
        (COMPUTE_POOLS, ("ignored", "gpu"), "/apis/footplate.dev/v1alpha1/computepools/gpu"),
        (PODS, ("a/b", "../c"), "/api/v1/namespaces/a%2Fb/pods/..%2Fc"),
    ],
)
def test_paths(resource: Resource, place: tuple[str, ...], path: str) -> None:
    assert resource.path(*place) == path


def test_descriptions() -> None:
    assert PODS.describe("default", "a") == "Pod default/a"
    assert PODS.describe("default") == "pods of namespace default"
    assert PODS.describe() == "pods of all namespaces"
    assert COMPUTE_POOLS.describe("", "gpu") == "ComputePool gpu"
    assert COMPUTE_POOLS.describe() == "computepools"
    assert LEASES.api_version == "coordination.k8s.io/v1"
    assert PODS.api_version == "v1"
