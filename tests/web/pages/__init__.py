"""Tests of soft_stream/web/pages."""
