"""Learn to read handwritten digits: scikit-learn's 1,797 bundled images, a small neural network, one line an epoch.

Runs as a Footplate job, and as it is on a laptop: ``python train.py``.
"""

import argparse
import json
from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from footplate_run import Run

SEED = 7


def load():
    """The images as rows of 64 brightnesses between 0 and 1, split 60:20:20 into training, validation and test."""
    images, digits = load_digits(return_X_y=True)
    images = images / 16.0
    x_train, x_rest, y_train, y_rest = train_test_split(
        images, digits, test_size=0.4, stratify=digits, random_state=SEED
    )
    x_val, x_test, y_val, y_test = train_test_split(x_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=SEED)
    return (x_train, y_train), (x_val, y_val), (x_test, y_test)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--hidden", type=int, default=256, help="neurons of the hidden layer")
    parser.add_argument("--learning-rate", type=float, default=0.001)
    args = parser.parse_args()

    (x_train, y_train), (x_val, y_val), (x_test, y_test) = load()
    print(f"{len(x_train)} images to train on, {len(x_val)} to validate, {len(x_test)} to test", flush=True)

    run = Run.get_context()
    model = MLPClassifier(
        hidden_layer_sizes=(args.hidden,),
        learning_rate_init=args.learning_rate,
        batch_size=16,
        random_state=SEED,
    )
    for epoch in range(1, args.epochs + 1):
        model.partial_fit(x_train, y_train, classes=range(10))
        accuracy = model.score(x_val, y_val)
        run.log("loss", model.loss_, step=epoch)
        run.log("accuracy", accuracy, step=epoch)
        print(f"epoch {epoch:>2}/{args.epochs}  loss {model.loss_:.4f}  accuracy {accuracy:.4f}", flush=True)

    predicted = model.predict(x_test)
    report = {
        "testAccuracy": float((predicted == y_test).mean()),
        "testImages": len(y_test),
        "epochs": args.epochs,
        "confusionMatrix": confusion_matrix(y_test, predicted).tolist(),
    }
    outputs = Path("outputs")
    outputs.mkdir(exist_ok=True)
    joblib.dump(model, outputs / "model.joblib")
    (outputs / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"test accuracy {report['testAccuracy']:.4f}; wrote outputs/model.joblib and outputs/report.json")


if __name__ == "__main__":
    main()
