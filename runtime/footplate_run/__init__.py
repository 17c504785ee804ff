"""The part of Footplate in the user's container: the launcher and ``Run``; standard library, Python >= 3.6.

``from footplate_run import Run`` is what a training script writes; the launcher itself never loads ``Run``.
Annotations are strings and ``typing`` is imported for the type checker alone: it would cost the start of every
program 7 to 17 ms.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING or sys.version_info < (3, 7):  # 3.6 has no module __getattr__ (PEP 562)
    from footplate_run.run import Run

__all__ = ["Run"]


def __getattr__(name: str) -> object:
    if name == "Run":
        from footplate_run.run import Run

        return Run
    raise AttributeError("module 'footplate_run' has no attribute {!r}".format(name))
