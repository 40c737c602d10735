"""The login: one module decides, every route asks it."""
