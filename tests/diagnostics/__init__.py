"""Tests of soft_stream/diagnostics."""
