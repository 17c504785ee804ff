"""Environment: an image from a pip, conda or Dockerfile spec, built once a content."""
