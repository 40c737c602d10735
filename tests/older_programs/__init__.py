"""What the documents of the older programs promise, and the proof that each promise is kept here."""
