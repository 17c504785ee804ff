"""Runs as the store has them, with what a cluster still knows of them: found, listed, shown, compared, fetched."""
