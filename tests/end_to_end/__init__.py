"""Tests of the whole program: in browsers, with real clients, by its scripts, and on the machines of the lab."""
