"""``run.json``: what a run was, kept in the store after the job is gone. docs/architecture.md has the format."""
