"""The driver of files and URLs that FFmpeg reads, through PyAV; nothing else imports av."""
