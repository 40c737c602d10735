"""Tests of the driver of photo cameras."""
