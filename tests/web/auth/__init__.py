"""Tests of the login."""
