"""In the place of PyTorch in an image that has none: torchrun alone, see torch.distributed.run."""
