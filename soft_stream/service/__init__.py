"""One process for one camera: server, systemd notifications, pause file, logs, exit status."""
