"""What follows from a write a moment later (a controller manager's doing on a cluster)."""
