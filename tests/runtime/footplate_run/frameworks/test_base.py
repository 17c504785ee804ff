from __future__ import annotations

import pytest

from footplate_run.frameworks.base import processes_of, visible_gpus


@pytest.mark.parametrize(
    ("environment", "devices", "wanted"),
    [
        ({}, ["null", "nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"], 2),
        ({}, ["null"], 0),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1a,GPU-2b"}, ["nvidia0", "nvidia1", "nvidia2"], 2),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, ["nvidia0"], 0),
    ],
)
def test_visible_gpus(environment: dict[str, str], devices: list[str], wanted: int) -> None:
    assert visible_gpus(environment, devices) == wanted


@pytest.mark.parametrize(
    ("entry", "visible", "wanted"), [("auto", "0,1,2", 3), ("auto", "", 1), (4, "0", 4), ("2", "", 2)]
)
def test_processes_of_a_node(entry: object, visible: str, wanted: int) -> None:
    assert processes_of(entry, {"CUDA_VISIBLE_DEVICES": visible}) == wanted
