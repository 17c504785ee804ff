"""Learns to read handwritten digits with NumPy and MPI: every rank has a share of the images, gradients are averaged.

An ordinary mpi4py script; `python train.py` alone is a group of one.
"""

import argparse
import json
import os
import socket
from pathlib import Path

import numpy as np
from mpi4py import MPI
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from footplate_run import Run

SEED = 7
OUTPUTS = Path("outputs")
COMM = MPI.COMM_WORLD


class Network:
    """Two layers with a ReLU between them; all parameters lie in one array, so that one allreduce averages them all."""

    SHAPES = ((64, 128), (128, 10), (128,), (10,))  # weights of both layers, biases of both

    def __init__(self, random):
        self.parameters = np.zeros(sum(int(np.prod(shape)) for shape in self.SHAPES))
        for weights in self.views(self.parameters)[:2]:
            weights[...] = random.normal(0, np.sqrt(2 / len(weights)), weights.shape)

    def views(self, flat):
        """The weights and biases of both layers, as views of an array as long as the parameters."""
        ends = np.cumsum([np.prod(shape) for shape in self.SHAPES])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self.SHAPES, strict=True)]

    def forward(self, images):
        """The hidden layer and the probabilities of the ten digits."""
        weights1, weights2, bias1, bias2 = self.views(self.parameters)
        hidden = np.maximum(images @ weights1 + bias1, 0)
        logits = hidden @ weights2 + bias2
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        return hidden, exponents / exponents.sum(axis=1, keepdims=True)

    def gradient(self, images, digits):
        """The sum over the images of the cross entropy's gradient, and the sum of the cross entropy."""
        hidden, probabilities = self.forward(images)
        rows = np.arange(len(digits))
        loss = -np.log(probabilities[rows, digits] + 1e-12).sum()
        error = probabilities
        error[rows, digits] -= 1
        _, weights2, _, _ = self.views(self.parameters)
        below = (error @ weights2.T) * (hidden > 0)
        gradient = np.empty_like(self.parameters)
        parts = (images.T @ below, hidden.T @ error, below.sum(0), error.sum(0))
        for view, part in zip(self.views(gradient), parts, strict=True):
            view[...] = part
        return gradient, loss

    def accuracy(self, images, digits):
        """The share of the images that the network reads correctly."""
        return float((self.forward(images)[1].argmax(axis=1) == digits).mean())


def total(values):
    """The sum of an array over all ranks."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    result = np.empty_like(values)
    COMM.Allreduce(values, result)
    return result


def train_epoch(network, images, digits, momentum, batch_size, learning_rate, random):
    """One pass over the images of all ranks; returns the mean loss."""
    order = random.permutation(len(digits))
    share = np.array_split(order, COMM.size)[COMM.rank]
    steps = -(-len(order) // (batch_size * COMM.size))  # as many on every rank: each takes part in every allreduce
    seen = np.zeros(2)  # loss, images
    for batch in np.array_split(share, steps):
        gradient, loss = network.gradient(images[batch], digits[batch])
        gathered = total(np.append(gradient, len(batch)))
        momentum *= 0.9
        momentum -= learning_rate * gathered[:-1] / gathered[-1]
        network.parameters += momentum
        seen += loss, len(batch)
    loss, count = total(seen)
    return loss / count


def save(network, path):
    """Writes the weights under another name first, so that the path never holds half a checkpoint."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.save(file, network.parameters)
    unfinished.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=16, help="images of each rank in a step")
    parser.add_argument("--learning-rate", type=float, default=0.05)
    args = parser.parse_args()
    rank = COMM.rank
    print(f"rank {rank} of {COMM.size} on {socket.gethostname()}, pid {os.getpid()}", flush=True)

    images, digits = load_digits(return_X_y=True)
    split = train_test_split(images / 16.0, digits, test_size=0.2, stratify=digits, random_state=SEED)
    train_images, test_images, train_digits, test_digits = split
    random = np.random.default_rng(SEED)  # the same weights and shuffles on every rank
    network = Network(random)
    momentum = np.zeros_like(network.parameters)

    run = Run.get_context()
    for epoch in range(1, args.epochs + 1):
        loss = train_epoch(network, train_images, train_digits, momentum, args.batch_size, args.learning_rate, random)
        if rank == 0:
            accuracy = network.accuracy(test_images, test_digits)
            run.log("loss", loss, step=epoch)
            run.log("accuracy", accuracy, step=epoch)
            print(f"epoch {epoch}/{args.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}", flush=True)
            OUTPUTS.mkdir(exist_ok=True)
            save(network, OUTPUTS / "checkpoint.npy")

    places = COMM.gather((rank, socket.gethostname()))
    weights = COMM.gather(float(network.parameters.sum()))
    if rank == 0:
        report = {
            "world_size": COMM.size,
            "hosts": dict(places),
            "library": MPI.Get_library_version().split(",")[0].splitlines()[0],
            "same_weights": bool(np.ptp(weights) < 1e-9),
            "epochs": args.epochs,
            "accuracy": accuracy,
        }
        (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        print("wrote outputs/checkpoint.npy and outputs/report.json", flush=True)


if __name__ == "__main__":
    main()
