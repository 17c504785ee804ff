"""What one operator tells of itself."""

from __future__ import annotations

import platform

import pytest
from fake_clock import FakeClock
from prometheus_client import CollectorRegistry

from footplate import __version__
from footplate.metrics import OperatorMetrics


@pytest.fixture
def metrics() -> OperatorMetrics:
    return OperatorMetrics(CollectorRegistry(), FakeClock())


def test_which_operator_it_is(metrics: OperatorMetrics) -> None:
    labels = {"version": __version__, "python": platform.python_version()}
    assert metrics.registry.get_sample_value("footplate_build_info", labels) == 1
    assert (metrics.registry.get_sample_value("process_resident_memory_bytes") or 0) > 1e6


def test_whether_it_leads(metrics: OperatorMetrics) -> None:
    leading = False
    metrics.watch_leader(lambda: leading)
    assert metrics.registry.get_sample_value("footplate_leader") == 0
    leading = True
    assert metrics.registry.get_sample_value("footplate_leader") == 1


def test_how_its_settings_were_read(metrics: OperatorMetrics) -> None:
    metrics.settings_read(True)
    metrics.settings_read(False)
    value = metrics.registry.get_sample_value
    assert value("footplate_settings_reads_total", {"outcome": "Succeeded"}) == 1
    assert value("footplate_settings_reads_total", {"outcome": "Failed"}) == 1
    assert value("footplate_settings_valid") == 0
