"""Metrics of calls, watches and events."""

from __future__ import annotations

from fake_clock import FakeClock
from prometheus_client import CollectorRegistry

from footplate.metrics.api import ApiMetrics


def test_calls_waits_and_retries() -> None:
    registry = CollectorRegistry()
    metrics = ApiMetrics(registry, FakeClock())
    for code in (201, 201, 0):
        metrics.api_called("create", code, 0.25)
    metrics.api_waited(2)
    metrics.api_retried("create")
    value = registry.get_sample_value
    assert value("footplate_api_calls_total", {"verb": "create", "code": "201"}) == 2
    assert value("footplate_api_calls_total", {"verb": "create", "code": "0"}) == 1
    assert value("footplate_api_call_seconds_sum", {"verb": "create"}) == 0.75
    assert value("footplate_api_rate_limit_seconds_sum") == 2
    assert value("footplate_api_retries_total", {"verb": "create"}) == 1


def test_watches_and_their_events() -> None:
    registry = CollectorRegistry()
    metrics = ApiMetrics(registry, FakeClock())
    value = registry.get_sample_value
    assert value("footplate_watch_events_total", {"kind": "Pod", "type": "DELETED"}) == 0, "an alert needs the zero"
    metrics.watch_listed("pods")
    metrics.watch_opened("pods")
    metrics.event_came("Pod", None)
    metrics.event_came("Pod", "MODIFIED")
    assert value("footplate_watch_lists_total", {"resource": "pods"}) == 1
    assert value("footplate_watch_starts_total", {"resource": "pods"}) == 1
    assert value("footplate_watch_events_total", {"kind": "Pod", "type": "LISTED"}) == 1
    assert value("footplate_watch_events_total", {"kind": "Pod", "type": "MODIFIED"}) == 1


def test_the_age_of_the_latest_event() -> None:
    registry, clock = CollectorRegistry(), FakeClock()
    heard: dict[str, float] = {"Pod": clock.monotonic()}
    ApiMetrics(registry, clock).watch_ages(heard.get)
    clock.advance(42)
    heard["TrainingJob"] = clock.monotonic()
    value = registry.get_sample_value
    assert value("footplate_watch_last_event_age_seconds", {"kind": "Pod"}) == 42
    assert value("footplate_watch_last_event_age_seconds", {"kind": "TrainingJob"}) == 0
    assert value("footplate_watch_last_event_age_seconds", {"kind": "Environment"}) is None, "none has come"
