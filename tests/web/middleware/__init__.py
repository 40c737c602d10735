"""Tests of soft_stream/web/middleware."""
