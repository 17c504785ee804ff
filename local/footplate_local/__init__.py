"""The embedded single-machine cluster: an API server, a node that runs pods as processes, a builder."""
