"""Tests of scripts/rollout, systemd/ and nginx/; tests/end_to_end/lab runs the rollout on real machines."""
