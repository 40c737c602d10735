"""The URLs of mjpg-streamer, ustreamer, camera-streamer, and webcamd."""
