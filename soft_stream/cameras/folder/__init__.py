"""The driver for the JPEGs of a folder."""
