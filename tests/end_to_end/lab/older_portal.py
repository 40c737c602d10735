"""The older portal, as its owners have it: two units, a settings file, two sites of nginx with a login."""

from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import SETTINGS, answer, states

OLDER = ("camera-soft-cam0.service", "camera-soft-cam1.service")
PORTAL = """import http.server, sys
port = int(sys.argv[sys.argv.index("--port") + 1])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the older portal")
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""
UNIT = """[Unit]
Description=The older portal
[Service]
EnvironmentFile=/etc/camera-streamer/camera-soft-stream.env
ExecStart=/usr/bin/python3 /srv/soft-stream.py --camera {camera} --port {port} \\
    --watchdog-timeout {timeout} --verbose
Restart=on-failure
RestartPreventExitStatus=66
[Install]
WantedBy=multi-user.target
"""
SITE = """server {{
    listen {outer};
    auth_basic "older";
    auth_basic_user_file /etc/nginx/older.htpasswd;
    location / {{ proxy_pass http://127.0.0.1:{inner}; }}
}}
"""
OLDER_SETTINGS = """# mine
cam0_name="Old nozzle"
cam0_autofocus=1
cam1_name='Old bed'
cam_source=test-pattern
cam_width=640
cam_height=360
cam_turbo=yes
"""


def install(machine: Container) -> None:
    """Install and start the older portal on a machine."""
    put(machine, "/srv/soft-stream.py", PORTAL)
    put(machine, SETTINGS, OLDER_SETTINGS)
    for camera in (0, 1):
        unit = UNIT.format(camera=camera, port=18081 + camera, timeout=15 + camera)
        put(machine, f"/etc/systemd/system/{OLDER[camera]}", unit)
        site = SITE.format(outer=8081 + camera, inner=18081 + camera)
        put(machine, f"/etc/nginx/sites-available/cam{camera}", site)
        machine.run(f"ln -s ../sites-available/cam{camera} /etc/nginx/sites-enabled/cam{camera}")
    machine.run('printf "anna:%s\n" "$(openssl passwd -6 old-secret)" >/etc/nginx/older.htpasswd')
    machine.run(f"systemctl daemon-reload; systemctl enable --now {' '.join(OLDER)}; systemctl reload nginx")
    older_serves(machine)


def older_serves(machine: Container) -> None:
    """Check that the older portal answers on both ports, only with its login."""
    for port in (8081, 8082):
        url = f"http://127.0.0.1:{port}/"
        machine.until(f"curl -s -u anna:old-secret {url} | grep -q 'the older portal'", 60)
        assert answer(machine, url).startswith("401 ")
    assert states(machine, *OLDER) == [("active", "enabled")] * 2


def put(machine: Container, path: str, text: str) -> None:
    """Write a file on the machine."""
    file = machine.folder / "file"
    file.write_text(text)
    machine.put(file, path)
