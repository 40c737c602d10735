"""The camera lab: a Debian system like a Raspberry Pi's, booted as a container or as a guest with virtual cameras."""
