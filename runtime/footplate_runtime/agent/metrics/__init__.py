"""The metrics of a replica: what ``Run`` logged, and what the agent reads out of event files and the console."""

from footplate_runtime.agent.metrics.metrics import Metrics

__all__ = ["Metrics"]
