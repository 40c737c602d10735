"""Tests of the driver of video files and streams."""
