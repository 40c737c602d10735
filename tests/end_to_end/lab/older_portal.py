"""The older portal in the shapes of a real installation: units with flags, a settings file, one nginx file."""

from tests.end_to_end.lab import csi_cameras
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import SETTINGS, answer, states
from tests.support.older_settings import SETTINGS_OF_CAMERA_0

OLDER = ("camera-soft-cam0.service", "camera-soft-cam1.service")
SITE = "/etc/nginx/sites-available/printer"
LOGIN = ("--user", "anna:old-secret")
# flags must have their values in the same word, as in the units
PORTAL = """import http.server, sys
flags = dict(word[2:].split("=", 1) for word in sys.argv[1:] if "=" in word)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(flags["text"].encode() if "text" in flags else f"the older portal: {flags['name']}".encode())
http.server.ThreadingHTTPServer((flags["bind"], int(flags["port"])), Answer).serve_forever()
"""
# A real unit is also bound to dev-video0.device, which never appears in the container, because that has no udev.
UNIT = """[Unit]
Description=Soft stream camera N

[Service]
EnvironmentFile=/etc/camera-streamer/camera-soft-stream.env
ExecStart=/usr/bin/python3 /srv/rpi_cameras/soft-stream.py --camera-index=${camN_index} --camera-id=${camN_id} \\
    --width=${camN_width} --height=${camN_height} --framerate=${camN_fps} --port=${camN_port} --bind=${camN_bind} \\
    --quality=${camN_quality} --name="${camN_name}" --autofocus=${camN_autofocus} --watchdog-timeout 15 --verbose
Restart=on-failure
RestartPreventExitStatus=66

[Install]
WantedBy=multi-user.target
"""
OCTOPRINT = """[Service]
ExecStart=/usr/bin/python3 /srv/rpi_cameras/soft-stream.py --bind=127.0.0.1 --port=5001 --text=OctoPrint
[Install]
WantedBy=multi-user.target
"""
SERVER = (
    'server {{ listen {}; auth_basic "printer"; auth_basic_user_file /etc/nginx/printer.htpasswd; '
    "location / {{ proxy_pass http://127.0.0.1:{}; }} }}\n"
)
SITE_TEXT = "".join(SERVER.format(*ports) for ports in ((5000, 5001), (8081, 18081), (8082, 18082)))
OLDER_SETTINGS = f"""{SETTINGS_OF_CAMERA_0}cam0_turbo=yes

cam1_index=1
cam1_id=/base/axi/pcie@1000120000/rp1/i2c@80000/imx708@1a
cam1_name='Printer right (IMX708)'
cam1_width=1280
cam1_height=720
cam1_fps=15
cam1_quality=high
cam1_port=18082
cam1_bind=127.0.0.1
cam1_autofocus=1
cam1_snapshot_width=4608
cam1_snapshot_height=2592
cam1_snapshot_quality=95
"""


def install(machine: Container) -> None:
    """Install and start the older portal on a machine with two CSI cameras, beside OctoPrint."""
    csi_cameras.connect(machine, "pi5-mixed")
    put(machine, "/srv/rpi_cameras/soft-stream.py", PORTAL)
    put(machine, SETTINGS, OLDER_SETTINGS)
    put(machine, "/etc/systemd/system/octoprint.service", OCTOPRINT)
    for camera, unit in enumerate(OLDER):
        put(
            machine, f"/etc/systemd/system/{unit}", UNIT.replace("camN", f"cam{camera}").replace(" N\n", f" {camera}\n")
        )
    put(machine, SITE, SITE_TEXT)
    machine.run("ln -s ../sites-available/printer /etc/nginx/sites-enabled/printer")
    machine.run('printf "anna:%s\n" "$(openssl passwd -6 old-secret)" >/etc/nginx/printer.htpasswd')
    machine.run(f"systemctl daemon-reload; systemctl enable --now octoprint {' '.join(OLDER)}; systemctl reload nginx")
    older_serves(machine)


def older_serves(machine: Container) -> None:
    """Check that the older portal and OctoPrint answer on their ports, only with their login."""
    for port, name in ((8081, "Printer left (IMX219)"), (8082, "Printer right (IMX708)")):
        url = f"http://127.0.0.1:{port}/"
        machine.until(f"curl -s {' '.join(LOGIN)} {url} | grep -qF 'the older portal: {name}'", 60)
        assert answer(machine, url).startswith("401 ")
    octoprint_serves(machine)
    assert states(machine, *OLDER) == [("active", "enabled")] * 2


def octoprint_serves(machine: Container) -> None:
    """Check that OctoPrint answers behind nginx, only with its login."""
    machine.until(f"curl -s {' '.join(LOGIN)} http://127.0.0.1:5000/ | grep -qx OctoPrint", 60)
    assert answer(machine, "http://127.0.0.1:5000/").startswith("401 ")


def put(machine: Container, path: str, text: str) -> None:
    """Write a file on the machine."""
    file = machine.folder / "file"
    file.write_text(text)
    machine.put(file, path)
