"""The documents are true: links, commands, flags, settings and URLs exist."""
