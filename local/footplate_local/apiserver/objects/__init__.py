"""What happens to an object between a request and the store."""
