"""Distributed training frameworks: one module each, one interface, one registry."""

from __future__ import annotations

from footplate.frameworks.base import Framework, gpus
from footplate.frameworks.registry import framework_of

__all__ = ["Framework", "framework_of", "gpus"]
