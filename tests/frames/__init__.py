"""Tests of soft_stream/frames."""
