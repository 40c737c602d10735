"""Tests of users, tokens and sessions."""
