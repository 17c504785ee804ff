"""Learn handwritten digits while workers come and go: an elastic DistributedDataParallel script.

When a worker is lost or comes back, torchrun starts the processes of all nodes again, as a group of another size. So
every node keeps a checkpoint, and each new group goes on from the newest one that any of its members has.
"""

import argparse
import gc
import json
import os
import time
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
    """The process group as torchrun describes it this time; alone, a group of one."""
    backend = os.environ.get("FOOTPLATE_BACKEND", "gloo")
    if dist.is_torchelastic_launched():
        dist.init_process_group(backend)
    else:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)


def leave_group(model):
    """Ends the group in order on all ranks: what holds on to it first, and none leaves while another still talks."""
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


def newest_checkpoint():
    """The state to go on from: all ranks say how far theirs is, and who is furthest gives it to the others.

    None when nobody has one. A worker that takes the place of a lost one comes with an older one, or none at all.
    """
    own = torch.load(CHECKPOINT, weights_only=True) if CHECKPOINT.exists() else None
    epoch = torch.tensor([own["epoch"] if own else 0])
    epochs = [torch.zeros_like(epoch) for _ in range(dist.get_world_size())]
    dist.all_gather(epochs, epoch)
    furthest = max(range(len(epochs)), key=lambda rank: int(epochs[rank]))
    shared = [own]
    dist.broadcast_object_list(shared, src=furthest)
    return shared[0]


def save(state):
    """Written under another name first: who is killed in the middle leaves the checkpoint before."""
    OUTPUTS.mkdir(exist_ok=True)
    unfinished = CHECKPOINT.with_suffix(".part")
    torch.save(state, unfinished)
    unfinished.rename(CHECKPOINT)


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


def evaluate(network, data):
    """The share of the images that the network reads correctly."""
    network.eval()
    images, digits = data.tensors
    with torch.no_grad():
        return (network(images).argmax(1) == digits).float().mean().item()


@record  # torchrun learns the exception of a rank that fails, and the job's message names it
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=32, help="images of each rank in a step")
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--seconds-per-epoch", type=float, default=0.0, help="at least: leaves time to kill a worker")
    args = parser.parse_args()

    join_group()
    rank, world_size = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(SEED)  # the same first weights on every rank
    train, validation = load()
    sampler = DistributedSampler(train, seed=SEED)  # shares the images among as many ranks as there are now
    batches = DataLoader(train, batch_size=args.batch_size, sampler=sampler)
    network = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=args.learning_rate, momentum=0.9)

    state = newest_checkpoint() or {"epoch": 0, "world_sizes": []}
    if state["epoch"]:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
    model = DistributedDataParallel(network)
    print(f"rank {rank} of {world_size} goes on after epoch {state['epoch']}", flush=True)

    run = Run.get_context()
    for epoch in range(state["epoch"] + 1, args.epochs + 1):
        began = time.monotonic()
        sampler.set_epoch(epoch)  # another shuffle in every epoch
        loss = train_epoch(model, batches, optimizer)
        world_sizes = [*state["world_sizes"], world_size]
        state = {"epoch": epoch, "world_sizes": world_sizes, "network": network.state_dict()}
        state["optimizer"] = optimizer.state_dict()
        save(state)
        if rank == 0:
            accuracy = evaluate(network, validation)
            run.log("loss", loss, step=epoch)
            run.log("accuracy", accuracy, step=epoch)
            run.log("workers", world_size, step=epoch)
            print(
                f"epoch {epoch}/{args.epochs}  {world_size} ranks  loss {loss:.4f}  accuracy {accuracy:.4f}", flush=True
            )
        time.sleep(max(0.0, began + args.seconds_per_epoch - time.monotonic()))

    if rank == 0:
        report = {
            "epochs": state["epoch"],
            "world_sizes": state["world_sizes"],
            "accuracy": evaluate(network, validation),
        }
        (OUTPUTS / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        print("wrote outputs/checkpoint.pt and outputs/report.json", flush=True)
    leave_group(model)


if __name__ == "__main__":
    main()
