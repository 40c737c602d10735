"""Tests of soft_stream/cli."""
