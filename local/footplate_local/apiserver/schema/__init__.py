"""Schemas: what a value may look like, its defaults, its formats, its CEL rules, and paths into it."""
