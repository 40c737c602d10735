"""The name of the older program webcamd, for `python3 -m webcamd`; the code is in `soft_stream.cli.webcamd`."""
