"""Tests of soft_stream/web/transport."""
