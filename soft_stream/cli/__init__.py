"""The command line: `soft-stream COMMAND`."""
