"""Tests of soft_stream/cameras/folder."""
