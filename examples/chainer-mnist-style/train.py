"""Learn handwritten digits with ChainerMN, as Chainer's own MNIST example does, on scikit-learn's 1,797 images.

Runs as a Footplate job of any number of nodes and processes, and alone where the packages of environment.yaml and
footplate are installed: ``python train.py`` is a group of one.
"""

import argparse
import json
import socket
from pathlib import Path

import chainer
import chainer.functions as F
import chainer.links as L
import chainermn
from chainer import training
from chainer.training import extensions
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from footplate_run import Run

SEED = 7
OUTPUTS = Path("outputs")


class MLP(chainer.Chain):
    def __init__(self, units, classes):
        super().__init__()
        with self.init_scope():
            # The size of the inputs to each layer is inferred.
            self.l1 = L.Linear(None, units)
            self.l2 = L.Linear(None, units)
            self.l3 = L.Linear(None, classes)

    def forward(self, x):
        h1 = F.relu(self.l1(x))
        h2 = F.relu(self.l2(h1))
        return self.l3(h2)


def get_digits():
    """The images as 64 brightnesses between 0 and 1, split 80:20 into training and validation."""
    images, digits = load_digits(return_X_y=True)
    images, digits = (images / 16.0).astype("float32"), digits.astype("int32")
    train, validation = train_test_split(range(len(digits)), test_size=0.2, stratify=digits, random_state=SEED)
    return (chainer.datasets.TupleDataset(images[part], digits[part]) for part in (train, validation))


def run_report(epochs):
    """An extension that hands what LogReport has averaged over an epoch to the run."""

    @training.make_extension(trigger=(1, "epoch"), priority=training.PRIORITY_READER)
    def report(trainer):
        entry = trainer.get_extension("LogReport").log[-1]
        epoch, loss, accuracy = entry["epoch"], entry["validation/main/loss"], entry["validation/main/accuracy"]
        run = Run.get_context()
        run.log("loss", entry["main/loss"], step=epoch)
        run.log("validation_loss", loss, step=epoch)
        run.log("accuracy", accuracy, step=epoch)
        print(f"epoch {epoch}/{epochs}  loss {entry['main/loss']:.4f}  accuracy {accuracy:.4f}", flush=True)

    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32, help="images of each process in a step")
    parser.add_argument("--units", type=int, default=128)
    args = parser.parse_args()

    comm = chainermn.create_communicator("naive")  # with GPUs: pure_nccl, and model.to_gpu
    print(f"rank {comm.rank} of {comm.size} on {socket.gethostname()}", flush=True)

    # The multi-node optimizer gives the first weights of rank 0 to all, and then averages the gradients of all.
    model = L.Classifier(MLP(args.units, 10))
    optimizer = chainermn.create_multi_node_optimizer(chainer.optimizers.Adam(), comm)
    optimizer.setup(model)

    # Rank 0 alone loads the images; every rank gets its share of them.
    train, validation = get_digits() if comm.rank == 0 else (None, None)
    train = chainermn.scatter_dataset(train, comm, shuffle=True, seed=SEED)
    validation = chainermn.scatter_dataset(validation, comm)
    shares = comm.gather_obj((socket.gethostname(), len(train)))

    train_iter = chainer.iterators.SerialIterator(train, args.batch_size)
    validation_iter = chainer.iterators.SerialIterator(validation, args.batch_size, repeat=False, shuffle=False)
    updater = training.StandardUpdater(train_iter, optimizer)
    trainer = training.Trainer(updater, (args.epochs, "epoch"), out=str(OUTPUTS))
    # Every rank evaluates its share, and the multi-node evaluator averages them; main/loss is that of the rank itself.
    trainer.extend(chainermn.create_multi_node_evaluator(extensions.Evaluator(validation_iter, model), comm))
    if comm.rank == 0:  # what is written is written once
        trainer.extend(extensions.LogReport())
        trainer.extend(run_report(args.epochs))
        trainer.extend(extensions.snapshot_object(model, "model.npz"), trigger=(1, "epoch"))
    trainer.run()

    if comm.rank == 0:
        last = trainer.get_extension("LogReport").log[-1]
        report = {
            "world_size": comm.size,
            "hosts": [host for host, _ in shares],
            "images_of_ranks": [images for _, images in shares],
            "epochs": args.epochs,
            "accuracy": last["validation/main/accuracy"],
        }
        (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        print("wrote outputs/model.npz, outputs/log and outputs/report.json", flush=True)


if __name__ == "__main__":
    main()
