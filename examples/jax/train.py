"""Learn handwritten digits with JAX: every process has its share of a batch, and one program computes on all devices.

Runs as a Footplate job of any number of nodes, and alone on a laptop:
``pip install footplate jax scikit-learn && python train.py``.
"""

import argparse
import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from footplate_run import Run

SEED = 7
OUTPUTS = Path("outputs")


def load():
    """The images as rows of 64 brightnesses between 0 and 1, split 80:20 into training and validation."""
    images, digits = load_digits(return_X_y=True)
    images = (images / 16.0).astype("float32")
    return train_test_split(images, digits, test_size=0.2, stratify=digits, random_state=SEED)


def first_weights():
    """The same on every process: two layers, 64 to 128 to 10."""
    one, two = jax.random.split(jax.random.key(SEED))
    return {
        "hidden": jax.random.normal(one, (64, 128)) * 0.1,
        "hidden_bias": jnp.zeros(128),
        "out": jax.random.normal(two, (128, 10)) * 0.1,
        "out_bias": jnp.zeros(10),
    }


def guess(weights, images):
    hidden = jax.nn.relu(images @ weights["hidden"] + weights["hidden_bias"])
    return hidden @ weights["out"] + weights["out_bias"]


def loss_of(weights, images, digits):
    """The mean over the whole batch, wherever its parts lie: JAX makes an all-reduce of it, and of its gradient."""
    return -jnp.mean(jax.nn.log_softmax(guess(weights, images))[jnp.arange(len(digits)), digits])


@jax.jit
def step(weights, images, digits, learning_rate):
    loss, gradients = jax.value_and_grad(loss_of)(weights, images, digits)
    return jax.tree.map(lambda weight, gradient: weight - learning_rate * gradient, weights, gradients), loss


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64, help="images of all processes in a step")
    parser.add_argument("--learning-rate", type=float, default=0.1)
    args = parser.parse_args()

    if "JAX_COORDINATOR_ADDRESS" in os.environ:  # in a job; its other arguments JAX finds itself
        jax.distributed.initialize()
    index, count = jax.process_index(), jax.process_count()
    print(f"process {index} of {count}, {jax.local_device_count()} of {jax.device_count()} devices", flush=True)

    mesh = Mesh(jax.devices(), ("batch",))
    shared = NamedSharding(mesh, PartitionSpec("batch"))
    weights = jax.device_put(first_weights(), NamedSharding(mesh, PartitionSpec()))

    images, validation_images, digits, validation_digits = load()
    share = args.batch_size // count
    run = Run.get_context()
    for epoch in range(1, args.epochs + 1):
        order = np.random.default_rng(epoch).permutation(len(digits))  # the same on every process
        for start in range(0, len(order) - args.batch_size + 1, args.batch_size):
            mine = order[start + index * share : start + (index + 1) * share]
            batch = [jax.make_array_from_process_local_data(shared, part[mine]) for part in (images, digits)]
            weights, loss = step(weights, *batch, args.learning_rate)
        if index == 0:
            learned = jax.tree.map(lambda weight: np.asarray(weight.addressable_data(0)), weights)
            accuracy = float(np.mean(np.asarray(guess(learned, validation_images)).argmax(1) == validation_digits))
            run.log("loss", float(loss), step=epoch)
            run.log("accuracy", accuracy, step=epoch)
            print(f"epoch {epoch}/{args.epochs}  loss {float(loss):.4f}  accuracy {accuracy:.4f}", flush=True)

    if index == 0:
        OUTPUTS.mkdir(exist_ok=True)
        np.savez(OUTPUTS / "weights.npz", **learned)
        report = {"processes": count, "devices": jax.device_count(), "images_of_each": share, "accuracy": accuracy}
        (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        print("wrote outputs/weights.npz and outputs/report.json", flush=True)


if __name__ == "__main__":
    main()
