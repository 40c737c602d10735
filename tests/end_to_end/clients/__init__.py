"""What the clients of the portal make of it."""
