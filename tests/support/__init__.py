"""What several tests use: fakes with verbs, readers, and programs that are started for a test."""
