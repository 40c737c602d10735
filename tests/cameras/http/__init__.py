"""Tests of soft_stream/cameras/http."""
