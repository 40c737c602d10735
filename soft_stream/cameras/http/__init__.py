"""The driver for another MJPEG server, or for the URL of a snapshot."""
