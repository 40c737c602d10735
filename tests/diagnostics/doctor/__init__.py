"""`soft-stream doctor`, on machines that stand in for real ones."""
