"""The folder that has the whole project."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
