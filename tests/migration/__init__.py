"""Tests of soft_stream/migration."""
