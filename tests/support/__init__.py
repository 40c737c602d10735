"""Helpers of several tests: fakes, readers, and programs that are started for a test."""
