"""The one camera of this process: its state, its clients, and the path of a frame."""
