"""The first init container of a replica: makes the tree, writes the launcher, gets the code and the inputs; run
with ``-m``."""
