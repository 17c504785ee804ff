"""Every end a job can have, seen by its user: phase, reason, sentence, and what is in the store."""

from __future__ import annotations

from local_cluster import LocalCluster


def test_a_program_that_ends_well(local_cluster: LocalCluster) -> None:
    name = local_cluster.start("open('outputs/model.txt', 'w').write('done')")
    status = local_cluster.phase(name, "Completed")
    assert (status["reason"], status["attempt"]) == ("Completed", 1)
    assert (local_cluster.run_dir(name) / "outputs/model.txt").read_text() == "done"
