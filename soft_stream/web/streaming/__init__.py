"""The MJPEG stream: one broadcaster per rendition, one client stream per client."""
