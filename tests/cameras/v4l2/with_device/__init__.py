"""Tests that need a V4L2 device in this process; test_with_device.py runs them."""
