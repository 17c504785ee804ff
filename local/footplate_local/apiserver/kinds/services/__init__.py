"""Services: addresses, defaults and checks."""
