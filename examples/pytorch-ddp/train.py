"""Learn handwritten digits with DistributedDataParallel: every rank trains on its share of scikit-learn's 1,797 images.

Runs as a Footplate job of any number of nodes and processes, and alone on a laptop:
``pip install footplate torch scikit-learn && python train.py``.
"""

import argparse
import gc
import json
import os
import socket
from pathlib import Path

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.distributed.elastic.multiprocessing.errors import record
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from footplate_run import Run

SEED = 7
OUTPUTS = Path("outputs")
CHECKPOINT = OUTPUTS / "checkpoint.pt"


def join_group():
    """The process group of the job, as torchrun describes it; alone, a group of one."""
    backend = os.environ.get("FOOTPLATE_BACKEND", "gloo")
    if dist.is_torchelastic_launched():
        dist.init_process_group(backend)
    else:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)


def leave_group(model):
    """Ends the group in order on all ranks: what holds on to it goes first, and none leaves while another still talks.

    A group that is left to the interpreter's exit may end the process with SIGABRT, when its threads outlive it.
    """
    dist.barrier()
    model.reducer = None  # DistributedDataParallel keeps the group alive through it
    gc.collect()
    dist.destroy_process_group()


def load():
    """The images as rows of 64 brightnesses between 0 and 1, split 80:20 into training and validation."""
    images, digits = load_digits(return_X_y=True)
    images = torch.tensor(images / 16.0, dtype=torch.float32)
    digits = torch.tensor(digits)
    train, validation = train_test_split(range(len(digits)), test_size=0.2, stratify=digits, random_state=SEED)
    return TensorDataset(images[train], digits[train]), TensorDataset(images[validation], digits[validation])


def train_epoch(model, batches, optimizer):
    """One pass over this rank's share; returns the mean loss over the images of all ranks."""
    model.train()
    total = torch.zeros(2)  # loss, images
    for images, digits in batches:
        loss = cross_entropy(model(images), digits)
        optimizer.zero_grad()
        loss.backward()  # averages the gradients over all ranks
        optimizer.step()
        total += torch.tensor([loss.item() * len(digits), len(digits)])
    dist.all_reduce(total)
    return (total[0] / total[1]).item()


def evaluate(model, data):
    """The share of the images that the model reads correctly."""
    model.eval()
    images, digits = data.tensors
    with torch.no_grad():
        return (model(images).argmax(1) == digits).float().mean().item()


def save(epoch, network, optimizer):
    """Writes the checkpoint under another name first, so that its path never holds half of one."""
    OUTPUTS.mkdir(exist_ok=True)
    unfinished = CHECKPOINT.with_suffix(".part")
    torch.save({"epoch": epoch, "network": network.state_dict(), "optimizer": optimizer.state_dict()}, unfinished)
    unfinished.rename(CHECKPOINT)


def resume(network, optimizer):
    """Takes up the checkpoint of the attempt before; returns its epoch, 0 at a new start.

    Every rank finds the one that rank 0 wrote.
    """
    if not os.environ.get("FOOTPLATE_RESUME") or not CHECKPOINT.exists():
        return 0
    state = torch.load(CHECKPOINT, weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return state["epoch"]


@record  # torchrun learns the exception of a rank that fails, and the job's message names it
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32, help="images of each rank in a step")
    parser.add_argument("--learning-rate", type=float, default=0.05)
    args = parser.parse_args()

    join_group()
    rank, world_size = dist.get_rank(), dist.get_world_size()
    print(f"rank {rank} of {world_size} on {socket.gethostname()}, pid {os.getpid()}", flush=True)

    torch.manual_seed(SEED)  # the same first weights on every rank
    train, validation = load()
    sampler = DistributedSampler(train, seed=SEED)
    batches = DataLoader(train, batch_size=args.batch_size, sampler=sampler)
    network = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=args.learning_rate, momentum=0.9)
    done = resume(network, optimizer)
    if done:
        print(f"rank {rank} goes on after epoch {done}", flush=True)
    model = DistributedDataParallel(network)

    run = Run.get_context()
    for epoch in range(done + 1, args.epochs + 1):
        sampler.set_epoch(epoch)  # another shuffle in every epoch
        loss = train_epoch(model, batches, optimizer)
        if rank == 0:
            accuracy = evaluate(network, validation)
            run.log("loss", loss, step=epoch)
            run.log("accuracy", accuracy, step=epoch)
            print(f"epoch {epoch}/{args.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}", flush=True)
            save(epoch, network, optimizer)

    ranks = [torch.zeros(1, dtype=torch.int64) for _ in range(world_size)]
    dist.all_gather(ranks, torch.tensor([rank]))
    images = torch.tensor([len(sampler)])
    dist.all_reduce(images)
    if rank == 0:
        report = {
            "world_size": world_size,
            "ranks": [int(each) for each in ranks],
            "images_per_epoch": int(images),
            "epochs": args.epochs,
            "accuracy": evaluate(network, validation),
        }
        (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        print("wrote outputs/checkpoint.pt and outputs/report.json", flush=True)
    print(f"rank {rank} trained on {len(sampler)} images an epoch", flush=True)
    leave_group(model)


if __name__ == "__main__":
    main()
