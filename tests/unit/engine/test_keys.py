from __future__ import annotations

from footplate.engine.keys import Key


def test_a_key_reads_as_kind_and_place() -> None:
    assert str(Key("TrainingJob", "default", "digits")) == "TrainingJob default/digits"
    assert str(Key("ComputePool", "", "gpu")) == "ComputePool gpu"
