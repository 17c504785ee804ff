"""The part of Footplate in the user's container: the launcher and ``Run``; standard library, Python >= 3.6."""
