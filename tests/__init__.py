"""The tests: they drive real objects by what the world does to them, and look at what comes out of the socket."""
