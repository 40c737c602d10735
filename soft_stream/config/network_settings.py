"""The settings of where a camera is served, and to whom."""

from dataclasses import dataclass

from soft_stream.config import network_types
from soft_stream.config import value_types as types
from soft_stream.config.endpoints import FIRST_PUBLIC_PORT, PUBLIC_PORT, Endpoint, in_url
from soft_stream.config.setting import setting

FIRST_PORT = 18081
# The addresses of this machine: programs that connect to `localhost` may try only one of them.
DEFAULT_BIND = ("127.0.0.1", "::1")
USERS_FILE = "/etc/camera-streamer/htpasswd"


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The part of the settings of one camera that is about addresses, names and rights."""

    camera: int = 0

    # where it is served
    bind: tuple[str, ...] = setting(DEFAULT_BIND, network_types.addresses(), "addresses to listen on")
    port: int = setting(FIRST_PORT, types.integer(1, 65535, "TCP port"), "port (default: 18081 + N)", per_camera=True)
    listen: tuple[Endpoint, ...] = setting(
        (), network_types.endpoint_list(), "additional endpoints: http://, https:// and unix:", per_camera=True
    )
    portal_port: int = setting(
        PUBLIC_PORT, types.integer(1, 65535, "TCP port"), "port on which nginx serves all cameras", shared=True
    )
    camera_port_base: int = setting(
        FIRST_PUBLIC_PORT, types.integer(1, 65535, "TCP port"), "nginx serves camera N on this port + N", shared=True
    )
    tls_certificate: str = setting("", types.path(), "certificate chain for https:// endpoints (PEM)")
    tls_key: str = setting("", types.path(), "private key of that certificate (PEM)")
    hosts: tuple[str, ...] = setting(
        (),
        network_types.hosts(),
        "further DNS names under which the server is requested; *.NAME: every name below NAME",
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        network_types.origins(),
        "origins whose pages may use the API; *: every origin, read-only and without credentials",
    )
    frame_ancestors: tuple[str, ...] = setting(
        (),
        network_types.origins(ipv6=False),
        "origins whose pages may embed the pages of the server in a frame; *: all",
    )
    legacy_control: bool = setting(
        False, types.boolean(), "allow mjpg-streamer's /?action=command, a GET request that changes controls"
    )
    # who may use it
    auth: str = setting(
        "network",
        types.choice("network", "always"),
        "who needs a login; network: clients of other machines; always: also clients of this machine",
    )
    users_file: str = setting(
        USERS_FILE, types.path(), "file of the users, as nginx's htpasswd; the tokens are beside it"
    )
    open_to_network: bool = setting(
        False, types.boolean(), "let other machines see and control the camera without a login"
    )
    local_proxy_role: str = setting(
        "none",
        types.choice("none", "view", "control", "admin"),
        "role of the requests of a proxy on this machine that has a login of its own",
    )
    clients_max: int = setting(100, types.integer(1, 1000, "streams"), "streams that may be open at the same time")
    clients_per_address: int = setting(
        32, types.integer(1, 1000, "streams"), "the same for one address of another machine, or IPv6 network (/64)"
    )

    @property
    def local_url(self) -> str:
        """The URL of the process for clients on this machine, without a slash at its end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind[0], self.bind[0])  # noqa: S104 # nothing is bound here
        return f"http://{in_url(host)}:{self.port}"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All endpoints to listen on."""
        return (*self.bound, *self.listen)

    @property
    def bound(self) -> tuple[Endpoint, ...]:
        """The endpoints of `bind` and `port`; without the optional one if one of `listen` includes it."""
        own = (Endpoint("http", address, self.port) for address in self.bind)
        return tuple(each for each in own if not (self.is_optional(each) and any(map(each.overlaps, self.listen))))

    def is_optional(self, endpoint: Endpoint) -> bool:
        """Return True for ::1 of the default `bind`, which machines without IPv6 do not have."""
        return self.bind == DEFAULT_BIND and endpoint == Endpoint("http", "::1", self.port)

    def names_for(self, endpoint: Endpoint) -> str:
        """Return the names of the settings that an endpoint is made of."""
        return (
            f"cam{self.camera}_listen" if endpoint in self.listen else f"cam{self.camera}_bind, cam{self.camera}_port"
        )

    @property
    def public_endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints that other machines can reach."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.is_public)

    @property
    def public_port(self) -> int:
        """The port on which nginx serves only this camera."""
        return self.camera_port_base + self.camera
