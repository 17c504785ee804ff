"""What all steps share: the cluster, the store and the release. The steps run in the order of the files.

Everything is made in three namespaces whose names no other run has, and goes in the end.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_cluster import Cluster
from e2e_embedded import EmbeddedCluster, embedded_cluster, seaweedfs_ports
from e2e_helm import helm_for
from e2e_plan import Plan, PlanError, plan_of
from e2e_release import Release, values_of
from e2e_steps import Steps
from e2e_store import Store, StoreReader, given_store, keys_secret, start_seaweedfs

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".cache" / "environments"
CRD = "trainingjobs.footplate.dev"
CRDS = tuple(f"{name}.footplate.dev" for name in ("computepools", "datasets", "environments", "registeredmodels"))
Say = Callable[[str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--embedded", action="store_true", help="end-to-end: the embedded cluster, whatever is set")
    parser.addoption("--keep", action="store_true", help="end-to-end: leave all in the cluster that was made there")


@pytest.hookimpl(trylast=True)  # after pytest's own reporter
def pytest_configure(config: pytest.Config) -> None:
    writer = config.pluginmanager.get_plugin("terminalreporter")
    if writer is not None:
        config.pluginmanager.register(Steps(writer), "e2e-steps")


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Say:
    """Tells what is being done."""
    steps = pytestconfig.pluginmanager.get_plugin("e2e-steps")
    return steps.say if steps is not None else print


@pytest.fixture(scope="session")
def keep(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--keep"))


@pytest.fixture(scope="session")
def plan(pytestconfig: pytest.Config) -> Plan:
    try:
        return plan_of(os.environ, bool(pytestconfig.getoption("--embedded")))
    except PlanError as error:
        pytest.exit(f"tests/e2e: {error}", returncode=2)


@pytest.fixture(scope="session")
def embedded(plan: Plan, keep: bool, say: Say) -> Iterator[EmbeddedCluster | None]:
    """The embedded cluster, where the suite runs on that."""
    if plan.kubeconfig is not None:
        yield None
        return
    say("starting the embedded cluster without its own operator")
    with embedded_cluster(ENVIRONMENTS, keep) as found:
        yield found
        if keep:
            say(f"kept: export FOOTPLATE_HOME={found.home.path} KUBECONFIG={found.home.kubeconfig}")


@pytest.fixture(scope="session")
def cluster(plan: Plan, embedded: EmbeddedCluster | None, keep: bool, say: Say) -> Iterator[Cluster]:
    """With the namespaces of this run; kubectl works in that of the jobs."""
    kubeconfig = embedded.home.kubeconfig if embedded else plan.kubeconfig
    assert kubeconfig is not None
    found = Cluster(kubeconfig, plan.jobs)
    version = found.kubectl("version", "--output", "yaml")
    say(f"cluster {kubeconfig}: {next(line for line in reversed(version.split()) if line.startswith('v1.'))}")
    if found.get("crd", CRD) is not None:
        pytest.exit("tests/e2e: Footplate is in this cluster already; take one that has no CRDs of it", returncode=2)
    namespaces = (plan.jobs, plan.stores, plan.release)
    found.apply(*(_namespace(name) for name in namespaces))
    yield found
    if keep:
        say(f"kept: the namespaces {', '.join(namespaces)} and the CRDs of Footplate")
        return
    say("deleting the namespaces and the CRDs")
    found.kubectl("delete", "crd", CRD, *CRDS, "--ignore-not-found")
    found.kubectl("delete", "namespace", *namespaces, "--ignore-not-found")


def _namespace(name: str) -> dict[str, object]:
    """All pods of the suite pass the restricted profile, those of the operator and of the jobs included."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "app.kubernetes.io/part-of": "footplate-e2e"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


@pytest.fixture(scope="session")
def store(cluster: Cluster, plan: Plan, embedded: EmbeddedCluster | None, say: Say) -> Store:
    """Where the runs go; the jobs' namespace has its keys."""
    found = given_store(plan)
    if found is None:
        say(f"starting {plan.images.seaweedfs} in the cluster")
        found = start_seaweedfs(cluster, plan, seaweedfs_ports() if embedded else {}, by_address=embedded is not None)
    if found.keys:
        cluster.apply(keys_secret(found))
    say(f"store {found.uri}" + (f" at {found.endpoint}" if found.endpoint else ""))
    return found


@pytest.fixture(scope="session")
def reader(cluster: Cluster, plan: Plan, store: Store) -> StoreReader:
    """Reads the store from within the cluster; the store can be written to."""
    found = StoreReader(cluster, plan, store)
    found.wait_until_writable()
    return found


@pytest.fixture(scope="session")
def release(
    cluster: Cluster, plan: Plan, store: Store, embedded: EmbeddedCluster | None, keep: bool, say: Say
) -> Iterator[Release]:
    """The chart, installed. It is uninstalled also when the installation fails, which leaves roles of the cluster."""
    kubeconfig = embedded.home.kubeconfig if embedded else plan.kubeconfig
    assert kubeconfig is not None
    if embedded:
        embedded.prepare(cluster, plan.release)
    helm = helm_for(kubeconfig, plan.release)
    found = Release(cluster, plan, helm, values_of(plan, store.values, embedded.values if embedded else {}))
    say(f"installing the chart with {found.helm}")
    try:
        found.install()
        yield found
    finally:
        if found.begun and not keep:
            say("deleting the jobs and uninstalling the chart")
            cluster.delete_jobs()
            found.uninstall()


@pytest.fixture
def footplate(cluster: Cluster, store: Store) -> Callable[..., str]:
    """The command line on this machine; skips where it cannot reach the store."""
    if not store.reached_from_here():
        pytest.skip(f"the store at {store.endpoint} cannot be reached from this machine, only from the cluster")

    def call(*arguments: str) -> str:
        import sys

        program = str(Path(sys.executable).with_name("footplate"))
        environment = {**os.environ, **store.keys, "KUBECONFIG": str(cluster.kubeconfig), "COLUMNS": "200"}
        place = ["--namespace", cluster.namespace]
        if store.endpoint:
            place += ["--endpoint", store.endpoint]
        done = subprocess.run(
            [program, *arguments, *place], env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"footplate {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    return call


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed step shows the cluster."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    cluster = getattr(item, "funcargs", {}).get("cluster")
    plan = getattr(item, "funcargs", {}).get("plan")
    if report.failed and cluster is not None and plan is not None:
        report.sections.append(("the cluster", cluster.report(plan.release, plan.jobs, plan.stores)))
