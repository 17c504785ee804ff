"""What people do with real kubectl while a job runs and after it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from local_cluster import LocalCluster, config_map, job_manifest

TRAIN = """
import pathlib, time
from footplate_run import Run
run = Run.get_context()
for step in range(3):
    print('step', step, flush=True)
    run.log('loss', 1.0 / (step + 1), step=step)
    time.sleep(0.3)
while not pathlib.Path('outputs/go').exists():
    time.sleep(0.05)
print('the end')
"""


def words(cluster: LocalCluster, *arguments: str) -> str:
    done = cluster.kubectl(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_job_by_kubectl_alone(local_cluster: LocalCluster) -> None:
    name = local_cluster.name()
    local_cluster.apply(config_map(f"{name}-code", {"train.py": TRAIN}), job_manifest(name))
    local_cluster.phase(name, "Running")
    pod = f"{name}-1-worker-0"

    listed = words(local_cluster, "get", "tj,env,pods")
    assert "NAME" in listed
    assert "PHASE" in listed
    assert pod in listed
    local_cluster.wait("a metric in its column", lambda: "loss=" in words(local_cluster, "get", "tj", name))

    with ThreadPoolExecutor() as pool:
        following = pool.submit(words, local_cluster, "logs", "-f", pod, "-c", "train")
        waiting = pool.submit(words, local_cluster, "wait", "--for=condition=Complete", f"tj/{name}", "--timeout=60s")
        local_cluster.wait("the log being followed", lambda: not following.done())
        root = next(local_cluster.pods_dir.glob(f"{local_cluster.pods(name)[0]['metadata']['uid']}/**/outputs"))
        (root / "go").touch()
        assert following.result().splitlines() == ["step 0", "step 1", "step 2", "the end"]
        assert "condition met" in waiting.result()

    described = words(local_cluster, "describe", "tj", name)
    assert "Phase:" in described
    assert "OutputsPersisted" in described
    assert "Completed" in words(local_cluster, "get", "tj", name)
    words(local_cluster, "delete", "tj", name)
    assert local_cluster.kubectl("get", "tj", name).returncode == 1


def test_explain_says_what_a_field_is(local_cluster: LocalCluster) -> None:
    assert "Restarts after failures of the program" in words(local_cluster, "explain", "trainingjob.spec.retry.user")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"nodes": 2}, "needs a distribution"),
        ({"entrypoint": {"script": "a.py", "command": ["b"]}}, "exactly one of script and command"),
        ({"unknown": 1}, 'unknown field "spec.unknown"'),
    ],
)
def test_a_bad_manifest_is_refused_with_a_sentence(
    local_cluster: LocalCluster, spec: dict[str, object], sentence: str
) -> None:
    name = local_cluster.name()
    with pytest.raises(AssertionError, match=sentence):
        local_cluster.apply(job_manifest(name, **spec))
    assert local_cluster.request("GET", f"/apis/footplate.dev/v1alpha1/namespaces/default/trainingjobs/{name}") is None
