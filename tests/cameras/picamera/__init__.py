"""Tests of soft_stream/cameras/picamera, with the real Picamera2 on tests/support/fake_libcamera."""
