"""Versioned objects, their history and pages of them."""
