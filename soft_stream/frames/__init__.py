"""Data without threads or I/O: raw frames, JPEGs, renditions, overlays, and rates."""
