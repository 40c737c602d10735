"""Settings: their definitions, the syntax of the settings file, loading, and validation."""
