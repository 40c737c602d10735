"""Tests of soft_stream/service."""
