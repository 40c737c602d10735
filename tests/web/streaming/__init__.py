"""Tests of soft_stream/web/streaming."""
