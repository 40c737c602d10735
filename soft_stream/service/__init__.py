"""The process of one camera: server, systemd notifications, pause file, logs, exit status."""
