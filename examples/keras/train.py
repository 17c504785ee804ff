"""Learn handwritten digits with Keras 3: scikit-learn's 1,797 images of 8 by 8 brightnesses, a small convolution.

Runs as a Footplate job, and on a laptop: ``pip install footplate keras tensorflow scikit-learn && python train.py``.
"""

import argparse
import json
from pathlib import Path

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from footplate_run import Run

SEED = 7
OUTPUTS = Path("outputs")


class LogToRun(keras.callbacks.Callback):
    """Logs all that Keras measures in an epoch: loss, accuracy, val_loss, val_accuracy."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            self.run.log(name, float(value), step=epoch + 1)


def load():
    """Images and digits for training and validation, split 80:20."""
    images, digits = load_digits(return_X_y=True)
    images = (images / 16.0).astype("float32").reshape(-1, 8, 8, 1)
    return train_test_split(images, digits, test_size=0.2, stratify=digits, random_state=SEED)


def build(learning_rate):
    keras.utils.set_random_seed(SEED)
    model = keras.Sequential(
        [
            keras.layers.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    args = parser.parse_args()

    run = Run.get_context()
    run.tag("backend", keras.backend.backend())
    OUTPUTS.mkdir(exist_ok=True)
    images, validation_images, digits, validation_digits = load()
    model = build(args.learning_rate)
    history = model.fit(
        images,
        digits,
        args.batch_size,
        args.epochs,
        validation_data=(validation_images, validation_digits),
        callbacks=[
            LogToRun(run),
            keras.callbacks.ModelCheckpoint(OUTPUTS / "model.keras", monitor="val_accuracy", save_best_only=True),
        ],
        verbose=2,  # a line an epoch: progress bars are for terminals
    ).history
    report = {"keras": keras.__version__, "epochs": args.epochs, "accuracy": max(history["val_accuracy"])}
    (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print("wrote outputs/model.keras and outputs/report.json", flush=True)


if __name__ == "__main__":
    main()
