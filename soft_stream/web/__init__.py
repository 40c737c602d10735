"""What the portal answers: one file per kind of answer, and `app.py` with the table of URLs."""
