"""Distributed training frameworks: one module each, one interface, one registry."""

from __future__ import annotations

from footplate.frameworks.base import Framework, gpus
from footplate.frameworks.registry import UnsupportedFramework, framework_of

__all__ = ["Framework", "UnsupportedFramework", "framework_of", "gpus"]
