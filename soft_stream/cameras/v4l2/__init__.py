"""Cameras through plain V4L2, without libcamera: webcams, capture cards, virtual cameras."""
