"""Who may use the cameras: users, tokens, sessions, and the files that keep them."""
