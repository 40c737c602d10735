"""Tests of soft_stream/cameras/v4l2."""
