"""A fake machine, described by its files, the output of its commands, the replies of its ports, and its cameras."""

import json
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

from soft_stream import __version__
from soft_stream.access.accounts import Accounts
from soft_stream.cameras.base import CameraError, CameraInfo
from soft_stream.config.loader import INSTALLED_FILE, LoadedConfig, load
from soft_stream.config.settings import Settings
from soft_stream.diagnostics import doctor
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.device_users import UsedCamera
from soft_stream.diagnostics.doctor.host import Host, Login, Module, Node, Output, Reply
from soft_stream.diagnostics.doctor.report import Finding, Report
from soft_stream.diagnostics.doctor.systemd import PROPERTIES
from soft_stream.diagnostics.sites.site import Site
from soft_stream.diagnostics.unit_reach import Problem

CAM0 = "/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a"
CAM1 = "/base/axi/pcie@1000120000/rp1/i2c@80000/imx708@1a"
WIDE, STANDARD = CameraInfo(CAM0, "imx708_wide"), CameraInfo(CAM1, "imx708")
REFUSED = Reply(0, error="connection refused")
CONFIGURED = f"cam0_id={CAM0}\n"
NEGOTIATED = {
    "size": [1280, 720],
    "fps": 30.0,
    "sensor_mode": "2304x1296",
    "has_autofocus": True,
    "model": "imx708_wide",
    "differences": [],
}


@dataclass
class FakeHost(Host):
    """A machine that has only what its fields describe."""

    settings: str = ""
    files: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    commands: dict[str, str | Output] = field(default_factory=dict)
    """Output by the beginning of a command; the longest match counts."""
    urls: dict[str, Reply] = field(default_factory=dict)
    """Replies by URL; with a login as in http://USER:PASSWORD@127.0.0.1/, with a token as in http://TOKEN@127.0.0.1/."""
    connected: list[CameraInfo] | CameraError = field(default_factory=list)
    held: list[UsedCamera] = field(default_factory=list)
    modules: dict[str, Module] = field(default_factory=dict)
    proxied: list[Site] = field(default_factory=list)
    names: frozenset[str] = frozenset({"pi"})
    users: Accounts = field(default_factory=Accounts)
    environ: dict[str, str] = field(default_factory=dict)
    is_root: bool = False
    unreached: dict[int, list[Problem]] = field(default_factory=dict)
    token: str = ""
    """What the processes accept as a token of our own commands, if this user can make one."""
    python: str = "3.13.5"
    prefix: str = "/opt/venv"
    program: str = "/opt/camera-soft-stream/releases/1/lib"

    def read(self, path: str) -> str | None:
        """Return the text of a file."""
        return self.files.get(path)

    def paths(self, pattern: str) -> list[str]:
        """List the matching files."""
        return sorted(path for path in (*self.files, *self.nodes) if fnmatch(path, pattern))

    def node(self, path: str) -> Node | None:
        """Return a device."""
        return self.nodes.get(path)

    def path_problems(self, settings: Settings, origins: Mapping[str, str]) -> list[Problem]:
        """Return what the unit of a camera does not reach."""
        return self.unreached.get(settings.camera, [])

    def run(self, *command: str) -> Output | None:
        """Return the output for the longest beginning that matches."""
        line = " ".join(command)
        begin = max((each for each in self.commands if line.startswith(each)), key=len, default=None)
        if begin is None:
            return None
        answer = self.commands[begin]
        return Output(answer) if isinstance(answer, str) else answer

    def get(self, url: str, login: Login | None = None) -> Reply:
        """Return the reply of a URL; refuse the connection to any other."""
        with_login = url.replace("://", f"://{':'.join(login)}@") if login else url
        return self.urls.get(with_login, REFUSED)

    def ask(self, settings: Settings, path: str) -> Reply:
        """Return the reply of a camera's loopback URL."""
        url = f"{settings.local_url}{path}"
        without_token = self.urls.get(url, REFUSED)
        return self.urls.get(url.replace("://", f"://{self.token}@"), without_token) if self.token else without_token

    def wait(self, seconds: float) -> None:
        """Let nothing change."""

    def internal_token(self, settings: Settings) -> str:
        """Return the token that the field has."""
        return self.token

    def cameras(self) -> list[CameraInfo]:
        """List the cameras."""
        if isinstance(self.connected, CameraError):
            raise self.connected
        return self.connected

    def used_cameras(self) -> list[UsedCamera]:
        """List the cameras in use."""
        return self.held

    def sites(self, ports: Collection[int]) -> list[Site]:
        """List the sites that forward to the cameras."""
        return [site for site in self.proxied if site.port in {0, *ports}]

    def own_names(self) -> frozenset[str]:
        """Return the names of the machine."""
        return self.names

    def accounts(self, settings: Settings) -> Accounts:
        """Return the users."""
        return self.users

    def load(self, file: Path | None) -> LoadedConfig:
        """Load the settings from a temporary file, in place of the one of the service."""
        with tempfile.NamedTemporaryFile("w", suffix=".env") as written:
            written.write(self.settings)
            written.flush()
            return replace(load(self.environ, file=Path(written.name)), file=file or INSTALLED_FILE)

    def module(self, name: str, package: str = "") -> Module | None:
        """Find a module."""
        return self.modules.get(name)


def examine(host: Host, login: Login | None = None) -> dict[str, list[Finding]]:
    """Run the doctor; return the findings by topic. No check may fail."""
    report = Report(lambda _: None)
    doctor.run(DoctorContext(host, None, login), report)
    findings: dict[str, list[Finding]] = {}
    for about, finding in report.findings:
        assert "this check failed" not in finding.what, finding
        findings.setdefault(about, []).append(finding)
    return findings


def wrongs(findings: dict[str, list[Finding]]) -> dict[str, list[str]]:
    """Return the faults by topic; each must have a reason and a fix."""
    found = {about: [each for each in some if each.level == "WRONG"] for about, some in findings.items()}
    assert all(each.fix and each.why for some in found.values() for each in some)
    return {about: [each.what for each in some] for about, some in found.items() if some}


def device(group: str = "video", mode: int = 0o660, target: str = "", *, can_open: bool = True) -> Node:
    """Return a device such as udev creates."""
    return Node(mode, "root", group, target, can_open)


def status(camera: int = 0, **negotiated: object) -> str:
    """Return the /status.json of a camera that streams."""
    facts = {"version": __version__, "camera": camera, "state": "streaming", "negotiated": NEGOTIATED | negotiated}
    return json.dumps(facts)


def shown(**properties: object) -> str:
    """Return the output of `systemctl show` for a running unit with some properties changed."""
    usual = {
        "Id": "camera-soft-cam@0.service",
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "Result": "success",
        "ExecMainStatus": 0,
        "NRestarts": 0,
        "StatusText": "IDLE: no clients",
        "MainPID": 4711,
        "User": "camera-soft-stream",
        "Group": "video",
        "SupplementaryGroups": "",
        "Wants": "",
    }
    return "".join(f"{name}={value}\n" for name, value in (usual | properties).items())


TARGET = shown(Id="camera-soft-cam.target", Group="", MainPID=0, StatusText="")


def deployed(**changes: object) -> FakeHost:
    """Return a Raspberry Pi 5 that serves one camera without faults, with some fields changed."""
    apt = "/usr/lib/python3/dist-packages"
    host = FakeHost(
        settings=CONFIGURED,
        files={
            "/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "/proc/device-tree/compatible": "raspberrypi,5-model-b\0brcm,bcm2712\0",
            "/proc/meminfo": "MemTotal: 8000000 kB\nCmaTotal:  65536 kB\nCmaFree:  50000 kB\n",
            "/etc/nginx/conf.d/camera-soft-stream.conf": "",
            f"{apt}/picamera2/__init__.py": "",
            f"{apt}/numpy/__init__.py": "",
            f"{apt}/simplejpeg/__init__.py": "",
        },
        nodes={
            "/dev/video0": device(),
            "/dev/media0": device(),
            "/dev/dma_heap/vidbuf_cached": device(target="/dev/dma_heap/system"),
            "/dev/dma_heap/linux,cma": device(target="/dev/dma_heap/linux,cma"),
        },
        commands={
            "id -nG": "pi video adm",
            "id -nG camera-soft-stream": "camera-soft-stream video",
            "id -un": "pi",
            "journalctl -q -k": "2026-01-01 pi kernel: Linux version 6.12\n",
            "journalctl -q -b": "",
            "vcgencmd get_throttled": "throttled=0x0\n",
            "systemctl list-units --plain": "camera-soft-cam@0.service loaded active running Camera 0\n",
            "systemctl list-unit-files": "camera-soft-cam@.service disabled enabled\n",
            "systemctl show": shown(),
            f"systemctl show --no-pager --property {PROPERTIES} camera-soft-cam.target": TARGET,
            "dpkg-query": "ii  libcamera0.7 0.7.1-1\nii  libcamera-ipa 0.7.1-1\nii  python3-libcamera 0.7.1-1\n",
        },
        urls={
            "http://127.0.0.1:18081/status.json": Reply(200, status()),
            "http://127.0.0.1:18081/healthz": Reply(200, "Camera 0: streaming\n"),
            "http://127.0.0.1:8081/status.json": Reply(401),
            "http://127.0.0.1:8080/": Reply(401),
            "http://127.0.0.1:8080/cam0/status.json": Reply(401),
        },
        connected=[WIDE],
        modules={
            "picamera2": Module(f"{apt}/picamera2/__init__.py", "0.3.36"),
            "numpy": Module(f"{apt}/numpy/__init__.py", "2.2.4"),
            "simplejpeg": Module(f"{apt}/simplejpeg/__init__.py", "1.8.1"),
        },
    )
    for name, value in changes.items():
        known = getattr(host, name)
        setattr(host, name, known | value if isinstance(known, dict) and isinstance(value, dict) else value)
    return host
