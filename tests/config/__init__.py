"""Tests of soft_stream/config."""
