"""Learn handwritten digits with Horovod and TensorFlow: every rank trains on its share of scikit-learn's 1,797 images.

The style of Horovod's own tensorflow2_mnist.py. Runs as a Footplate job of any number of nodes and processes, and alone
where the packages of environment.yaml and footplate are installed: ``python train.py`` is a group of one.
"""

import argparse
import json
import os
import socket
from pathlib import Path

import horovod.tensorflow as hvd
import tensorflow as tf
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


def batches(images, digits, batch_size):
    """An epoch of this rank: its share in an order of its own, and as many steps as every other rank has.

    A rank with one step more would wait for the others' gradients forever.
    """
    steps = len(digits) // (hvd.size() * batch_size)
    share = tf.data.Dataset.from_tensor_slices((images, digits)).shard(hvd.size(), hvd.rank())
    return share.shuffle(len(digits), seed=SEED).batch(batch_size).take(steps)


def save(model, path):
    """Writes the weights under another name first, so that the path never holds half a checkpoint."""
    unfinished = path.with_name(f"part-{path.name}")
    model.save_weights(unfinished)
    unfinished.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32, help="images of each rank in a step")
    parser.add_argument("--learning-rate", type=float, default=0.001, help="of one rank; it grows with their number")
    args = parser.parse_args()

    hvd.init()
    print(f"rank {hvd.rank()} of {hvd.size()} on {socket.gethostname()}, pid {os.getpid()}", flush=True)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:  # one for each process of the node
        tf.config.set_visible_devices(gpus[hvd.local_rank()], "GPU")

    train_images, validation_images, train_digits, validation_digits = load()
    epoch_batches = batches(train_images, train_digits, args.batch_size)
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Input(shape=(64,)),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dense(10),
        ]
    )
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tf.keras.optimizers.Adam(args.learning_rate * hvd.size())
    optimizer.build(model.trainable_variables)
    # All begin with what rank 0 has: its first weights, or the checkpoint that it alone has loaded.
    hvd.broadcast_variables(model.variables, root_rank=0)
    hvd.broadcast_variables(optimizer.variables(), root_rank=0)

    @tf.function
    def step(images, digits):
        with tf.GradientTape() as tape:
            loss = loss_of(digits, model(images, training=True))
        gradients = hvd.DistributedGradientTape(tape).gradient(loss, model.trainable_variables)  # averaged over all
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    run = Run.get_context()
    for epoch in range(1, args.epochs + 1):
        own_loss = tf.reduce_mean([step(images, digits) for images, digits in epoch_batches])
        loss = float(hvd.allreduce(own_loss))  # the mean over the ranks
        if hvd.rank() == 0:
            read = tf.argmax(model(validation_images), axis=1)
            accuracy = float(tf.reduce_mean(tf.cast(read == validation_digits, tf.float32)))
            run.log("loss", loss, step=epoch)
            run.log("accuracy", accuracy, step=epoch)
            print(f"epoch {epoch}/{args.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}", flush=True)
            OUTPUTS.mkdir(exist_ok=True)
            save(model, OUTPUTS / "weights.h5")

    hosts = hvd.allgather_object(socket.gethostname())
    if hvd.rank() == 0:
        report = {"world_size": hvd.size(), "hosts": hosts, "epochs": args.epochs, "accuracy": accuracy}
        (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        print("wrote outputs/weights.h5 and outputs/report.json", flush=True)
    hvd.shutdown()


if __name__ == "__main__":
    main()
