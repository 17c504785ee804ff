"""What the operator tells Prometheus; docs/monitoring.md has the same list.

No label per job, namespace or user: the number of series must not grow with the work.
"""

from __future__ import annotations

from footplate.metrics.operator import OperatorMetrics

__all__ = ["OperatorMetrics"]
