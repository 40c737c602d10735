"""Tests of the outputs other than HTTP."""
