"""Sources for tests: each can be unplugged, stalled and damaged, as the thing that it stands for."""
