"""Changes that break a copy of the project; tests/rollout/test_lab_patches.py checks that each still applies."""

from typing import NamedTuple


class Patch(NamedTuple):
    """The text to replace in a file of the project, where it is first found."""

    file: str
    old: str
    new: str


CAPTURE = "device, scene = self._use_device(), self._require_scene()\n"

PATCHES = {
    "does not start": Patch("soft_stream/service/server.py", "import asyncio\n", "import asyncio\n1 / 0\n"),
    "gives no frames": Patch(
        "soft_stream/cameras/synthetic/camera.py", CAPTURE, f"{CAPTURE}        raise NoFrame('nothing')\n"
    ),
    "gives frames of camera 0 only": Patch(
        "soft_stream/cameras/synthetic/camera.py",
        CAPTURE,
        f"{CAPTURE}        if self._settings.camera: raise NoFrame('nothing')\n",
    ),
    "is killed by its unit": Patch(
        "systemd/camera-soft-cam@.service",
        "SystemCallErrorNumber=EPERM",
        "SystemCallFilter=~socket\nSystemCallErrorNumber=kill",
    ),
    "is refused by nginx": Patch("nginx/includes/server.conf.j2", "root ", "nonsense "),
    # a rollout has begun to write to the disk; from here, only the next boot can repair it
    "loses power": Patch(
        "scripts/rollout/commit.py",
        "    set_current_release(plan.release)\n",
        "    set_current_release(plan.release)\n"
        "    if not Path('/run/power').exists():\n"
        "        Path('/run/power').touch()\n"
        "        os._exit(9)\n",
    ),
    "is not repaired before the next boot": Patch("scripts/rollout/deploy.py", "[ -e {path} ]", "[ -e /nothing ]"),
}

# A release whose processes have no login: nginx verifies it, and does not pass it on.
OLDER = (
    Patch(
        "nginx/includes/proxy-headers.conf.j2",
        "proxy_set_header X-Soft-Stream-Auth always;",
        'proxy_set_header Authorization "";\nauth_basic cameras;\nauth_basic_user_file {{ places.htpasswd }};',
    ),
    Patch("scripts/rollout/nginx.py", "{number}-login.sock", "{number}.sock"),
    Patch("soft_stream/config/loader.py", '("cam{}.sock", "cam{}-login.sock")', '("cam{}.sock",)'),
    Patch("soft_stream/web/auth/guard.py", "FORWARDED = (", "FORWARDED = () and ("),
    Patch("soft_stream/web/auth/guard.py", 'AUTH_HEADER = "X-Soft-Stream-Auth"', 'AUTH_HEADER = "X-None"'),
)
