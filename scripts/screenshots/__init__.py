"""Takes the screenshots of the documentation, and those for a review."""
