"""What a patch, an apply or an update does to an object, and who owns which field after it."""
