"""Pods: what is filled in, what is admitted, what is checked, and what may change."""
