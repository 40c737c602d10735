"""Tests of soft_stream/web/compat."""
