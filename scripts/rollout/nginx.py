"""[target] The configuration files of nginx, rendered from the templates in nginx/."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from soft_stream.config.endpoints import FIRST_PUBLIC_PORT, PUBLIC_PORT

TEMPLATES = Path(__file__).parents[2] / "nginx"
MAIN = "camera-soft-stream.conf"
DOWN = "No process answers: it is down, just starting, or hangs. Check: systemctl status 'camera-soft-cam@*'"
"""The text of nginx's own 503."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Paths and ports; tests run an nginx with others."""

    etc: Path = Path("/etc/nginx")
    htpasswd: Path = Path("/etc/camera-streamer/htpasswd")
    certificate: Path = Path("/etc/camera-streamer/tls/certificate.pem")
    key: Path = Path("/etc/camera-streamer/tls/key.pem")
    upstream: str = "unix:/run/camera-soft-stream-sockets/cam{number}-login.sock"
    """Where the process of a camera listens; may contain `{port}`, the port of its settings.

    Releases that verify no login do not listen there, so that nothing is open while a rollout or a rollback replaces
    the processes before or after this configuration.
    """
    first_port: int = FIRST_PUBLIC_PORT
    all_cameras_port: int = PUBLIC_PORT


INSTALLED = Places()


def render(
    cameras: Mapping[int, int],
    *,
    tls: bool,
    ipv6: bool = True,
    templates: Path = TEMPLATES,
    places: Places = INSTALLED,
) -> dict[Path, str]:
    """Return the text of each file for these cameras (number -> port of the process).

    Args:
        cameras: Without cameras there are no files.
        tls: Whether there is a certificate; then the ports serve HTTPS as well.
        ipv6: Whether this machine has IPv6; without it nginx could not listen, and would not start.
        templates: The folder of the templates.
        places: Paths and ports.
    """
    if not cameras:
        return {}
    environment = jinja2.Environment(  # noqa: S701 # the output is not HTML
        loader=jinja2.FileSystemLoader(templates),
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    files = {}
    for name in environment.list_templates(["j2"]):
        path = Path(name.removesuffix(".j2"))
        if path.name == "tls.conf" and not tls:
            continue
        folder = "conf.d" if path.name == MAIN else "camera-soft-stream"
        text = environment.get_template(name).render(
            cameras={
                number: places.upstream.format(number=number, port=port) for number, port in sorted(cameras.items())
            },
            tls=tls,
            ipv6=ipv6,
            places=places,
            down=DOWN,
        )
        files[places.etc / folder / path.name] = text
    return files
