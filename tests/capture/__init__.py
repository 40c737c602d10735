"""Tests of soft_stream/capture."""
