"""How client programs read what the server sends."""
