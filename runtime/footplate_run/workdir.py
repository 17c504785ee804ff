"""Makes what a program expects of its working directory: ``./outputs`` and ``./logs`` lead to the kept folders."""

import os

from footplate_run import layout
from footplate_run.errors import ORDERS, CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from footplate_run.orders import Orders


def prepare(orders: "Orders", say: "Callable[[str], None]") -> None:
    """Makes the folders of the tree and the links that are missing; raises CannotStart without a working directory."""
    if not os.path.isdir(orders.code):
        raise CannotStart(ORDERS, "the working directory {} does not exist".format(orders.code))
    for name in (layout.OUTPUTS, layout.LOGS, layout.STATE, os.path.dirname(layout.METRICS)):
        folder = os.path.join(orders.root, name)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as problem:
            raise CannotStart(ORDERS, "the folder {} cannot be made: {}".format(folder, problem.strerror)) from None
    for name in (layout.OUTPUTS, layout.LOGS):
        try:
            _link(os.path.join(orders.code, name), os.path.join(orders.root, name))
        except OSError as problem:
            say(
                "./{0} in {1} cannot be a link to {2} ({3}); what the program writes to ./{0} is not kept".format(
                    name, orders.code, os.path.join(orders.root, name), problem.strerror
                )
            )


def _link(link: str, target: str) -> None:
    """Makes ``link`` lead to ``target``; a folder of that name in the source is moved there with its files."""
    if os.path.exists(link) and os.path.samefile(link, target):
        return
    if os.path.islink(link):
        os.unlink(link)
    elif os.path.isdir(link):
        import shutil

        for name in os.listdir(link):
            if not os.path.lexists(os.path.join(target, name)):
                shutil.move(os.path.join(link, name), os.path.join(target, name))
        shutil.rmtree(link)
    os.symlink(target, link)
