"""Tests of what is read from the configuration of other proxies."""
