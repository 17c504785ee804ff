"""What each step of the end-to-end suite says: what it did, how long it took, and why one was left out."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

import pytest


@dataclass(slots=True)
class Steps:
    """A plugin of pytest: the lines while it runs, and the table at the end."""

    writer: pytest.TerminalReporter
    began: float = field(default_factory=time.monotonic)
    rows: list[tuple[str, float, str, str]] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)

    def say(self, what: str) -> None:
        """A line of progress, also where pytest captures what is printed."""
        capture = self.writer.config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
            self.writer.ensure_newline()
            self.writer.write_line(f"  {time.monotonic() - self.began:6.1f} s  {what}")

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        function = getattr(item, "function", None)
        self.titles[item.nodeid] = (getattr(function, "__doc__", None) or item.name).strip().split("\n")[0].rstrip(".")
        self.say(f"-- {self.titles[item.nodeid]}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        title = self.titles.get(report.nodeid, report.nodeid)
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            self.rows.append((title, report.duration, "skipped", reason))
            self.say(f"skipped: {reason}")
        elif report.failed:
            where = "" if report.when == "call" else f" in {report.when}"
            self.rows.append((title, report.duration, f"FAILED{where}", ""))
        elif report.when == "call":
            self.rows.append((title, report.duration, "passed", ""))
            self.say(f"passed in {report.duration:.1f} s")

    def pytest_terminal_summary(self) -> None:
        if not self.rows:
            return
        self.writer.section("steps of the end-to-end suite")
        width = max(len(title) for title, _, _, _ in self.rows)
        for title, seconds, outcome, reason in self.rows:
            line = f"{outcome:8} {seconds:6.1f} s  {title:<{width}}"
            self.writer.write_line(f"{line}  {reason}".rstrip())
