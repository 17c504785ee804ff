"""Who asks, and what they may do: users, their tokens, and role-based access control."""
