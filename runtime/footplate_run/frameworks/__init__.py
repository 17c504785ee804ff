"""How a program is started in each framework: one module a framework, one interface, a registry."""

from footplate_run.errors import ORDERS, CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from footplate_run.frameworks.base import Framework
    from footplate_run.orders import Orders

# `distribution.framework` of launch.json -> the module and the class in it; only the one asked for is imported.
REGISTRY = {
    "mpi": ("footplate_run.frameworks.mpi", "Mpi"),
    "plain": ("footplate_run.frameworks.plain", "Plain"),
    "pytorch": ("footplate_run.frameworks.pytorch", "PyTorch"),
    "tensorflow": ("footplate_run.frameworks.tensorflow", "TensorFlow"),
}


def framework_of(orders: "Orders") -> "Framework":
    """The framework that the orders name, made for them; raises CannotStart when they make no sense to it."""
    name = orders.distribution.get("framework")
    if name not in REGISTRY:
        raise CannotStart(
            ORDERS,
            "the framework {} is not known to this launcher; known are {}".format(name, ", ".join(sorted(REGISTRY))),
        )
    import importlib

    module, attribute = REGISTRY[name]
    try:
        framework = getattr(importlib.import_module(module), attribute)(orders)  # type: Framework
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        what = "{}: {}".format(type(problem).__name__, problem)
        raise CannotStart(ORDERS, "launch.json lacks what {} needs ({})".format(name, what)) from None
    return framework
