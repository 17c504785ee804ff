"""MPI without SSH: footplate-run is what mpirun starts its daemons with, over mutual TLS between the workers.

On worker 0 ``head`` runs mpirun, whose launch agent is ``agent``. On every other worker ``node`` waits for the head and
runs what the agents ask for. Each rank runs below ``rank``, which tells how it ended. From all that the head finds out
who was to blame.
"""
