"""The HTML pages, their static files, and their translations."""
