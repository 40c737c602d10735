"""What the rollout does with text and files; tests/lab has the rollout on real machines."""
