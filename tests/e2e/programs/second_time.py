"""Fails in the first attempt, and in the second finds what the first has left."""

import os
import sys
from pathlib import Path

left = Path("outputs/checkpoint.txt")
if os.environ["FOOTPLATE_ATTEMPT"] == "1":
    left.write_text("of attempt 1\n")
    sys.exit("this attempt is meant to fail")
print(f"going on {left.read_text()}", flush=True)
