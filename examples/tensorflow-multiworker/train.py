"""Learn handwritten digits with MultiWorkerMirroredStrategy: every worker has the whole model and half of each batch.

Runs as a Footplate job of any number of workers, and alone on a laptop:
``pip install footplate tensorflow tf-keras scikit-learn && python train.py``.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import tensorflow as tf
import tf_keras as keras  # Keras 2: the fit of Keras 3 does not know this strategy
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from footplate_run import Run

SEED = 7
FIRST = os.environ.get("RANK", "0") == "0"
OUTPUTS = Path("outputs")


class LogToRun(keras.callbacks.Callback):
    """Logs what Keras has measured in an epoch, which is the same on all workers, from the first."""

    def __init__(self):
        super().__init__()
        self.log = Run.get_context().log if FIRST else lambda *values, **step: None

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            self.log(name, float(value), step=epoch + 1)


def load(batch_size):
    """Batches of all workers together, of which TensorFlow gives each worker its part: training and validation."""
    images, digits = load_digits(return_X_y=True)
    images = (images / 16.0).astype("float32")
    split = train_test_split(images, digits, test_size=0.2, stratify=digits, random_state=SEED)
    by_data = tf.data.Options()
    by_data.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    train = tf.data.Dataset.from_tensor_slices((split[0], split[2])).shuffle(len(split[0]), seed=SEED)
    validation = tf.data.Dataset.from_tensor_slices((split[1], split[3]))
    return [part.batch(batch_size, drop_remainder=True).with_options(by_data) for part in (train, validation)]


def build(learning_rate):
    keras.utils.set_random_seed(SEED)
    model = keras.Sequential([keras.layers.Input(64), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(learning_rate, momentum=0.9), loss, metrics=["accuracy"])
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64, help="images of all workers in a step")
    parser.add_argument("--learning-rate", type=float, default=0.1)
    args = parser.parse_args()

    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # reads TF_CONFIG, and waits for the other workers
    workers = strategy.num_replicas_in_sync
    print(f"one of {workers} workers", flush=True)
    with strategy.scope():
        model = build(args.learning_rate)
    train, validation = load(args.batch_size)
    history = model.fit(
        train, epochs=args.epochs, validation_data=validation, callbacks=[LogToRun()], verbose=0
    ).history

    # All workers save, because saving may need them all; what the first one writes is kept.
    OUTPUTS.mkdir(exist_ok=True)
    model.save((OUTPUTS if FIRST else Path(tempfile.mkdtemp())) / "model.keras")
    if FIRST:
        report = {"workers": workers, "epochs": args.epochs, "accuracy": history["val_accuracy"][-1]}
        (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        print("wrote outputs/model.keras and outputs/report.json", flush=True)
    # The first worker is whom the others ask whether all are alive: none leaves before all have come this far.
    strategy.reduce("SUM", strategy.run(lambda: tf.constant(1.0)), axis=None)


if __name__ == "__main__":
    main()
