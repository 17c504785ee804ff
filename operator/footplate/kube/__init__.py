"""The API server: a small JSON client and what is built on it. The only importer of `kubernetes`."""
