"""A camera that computes its frames: for demos, tests, and machines without a camera."""
