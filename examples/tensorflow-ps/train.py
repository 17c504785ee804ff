"""Learn handwritten digits with parameter servers: a chief hands out batches, workers compute gradients from them,
and parameter servers hold the weights.

Runs as a Footplate job with `distribution.tensorflow`, whatever the number of workers and parameter servers.
"""

import argparse
import json
import time
from pathlib import Path

import tensorflow as tf

from footplate_run import Run

OUTPUTS = Path("outputs")


def serve(resolver):
    """What workers and parameter servers do: the chief's bidding, until the job stops them because it has ended."""
    role, index = resolver.task_type, resolver.task_id
    server = tf.distribute.Server(resolver.cluster_spec(), job_name=role, task_index=index, protocol="grpc")
    print(f"{role} {index} listens at {server.target}", flush=True)
    server.join()


def lead(resolver, args):
    """What the chief does: train, and keep the model and a report. When it ends, the job ends."""
    from trainers import train_by_fit, train_in_a_loop  # Keras and scikit-learn, which the others do without

    strategy = tf.distribute.ParameterServerStrategy(resolver)
    run = Run.get_context()
    accuracies = []

    def log(epoch, loss, accuracy):
        run.log("loss", loss, step=epoch)
        run.log("accuracy", accuracy, step=epoch)
        print(f"epoch {epoch}/{args.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}", flush=True)
        accuracies.append(accuracy)

    began = time.monotonic()
    model = {"loop": train_in_a_loop, "fit": train_by_fit}[args.trainer](strategy, args, log)
    OUTPUTS.mkdir(exist_ok=True)
    model.save(OUTPUTS / "model.keras")
    report = {
        "trainer": args.trainer,
        "cluster": {role: len(tasks) for role, tasks in resolver.cluster_spec().as_dict().items()},
        "weights_on": sorted({variable.device for variable in model.trainable_variables}),
        "epochs": args.epochs,
        "accuracy": accuracies[-1],
        "seconds": round(time.monotonic() - began, 1),
    }
    (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print("wrote outputs/model.keras and outputs/report.json", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainer", choices=["loop", "fit"], default="loop")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    args = parser.parse_args()

    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()  # reads TF_CONFIG
    if resolver.task_type in ("worker", "ps"):
        serve(resolver)
    else:
        lead(resolver, args)


if __name__ == "__main__":
    main()
