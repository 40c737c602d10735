"""MJPEG streaming server for Raspberry Pi CSI and USB cameras."""

__version__ = "0.1.0"
