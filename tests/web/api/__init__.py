"""Tests of soft_stream/web/api."""
