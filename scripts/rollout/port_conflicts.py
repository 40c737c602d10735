"""[target] Other programs on ports that the cameras or nginx need; they are found before anything is changed."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from rollout import nginx_checks
from rollout.nginx import INSTALLED
from rollout.plan import Plan
from rollout.system import UNAVAILABLE, RolloutError, camera_unit, is_active
from soft_stream.config.endpoints import Endpoint
from soft_stream.diagnostics.doctor.host import Host
from soft_stream.diagnostics.doctor.listeners import Listener, find_listeners
from soft_stream.diagnostics.sites.nginx_servers import find_servers, read_configuration

NGINX = "nginx.service"
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 # nothing is bound here


@dataclass(frozen=True)
class Need:
    """An endpoint that is needed, the units that may have it now, and what helps if another program has it."""

    endpoint: Endpoint
    what: str
    units: tuple[str, ...]
    advice: str


def check(plan: Plan, *, with_nginx: bool, host: Host | None = None, active: Callable[[str], bool] = is_active) -> None:
    """Check that each port is free, or in use by a unit that gives it up or keeps it for us.

    Raises:
        RolloutError: another program has one.
    """
    needs = [*_of_cameras(plan), *(_of_nginx(plan, active) if with_nginx else ())]
    _check(needs, host or Host(), active)


def check_nginx(plan: Plan) -> None:
    """Check that each port of nginx is free, or in use by nginx.

    Raises:
        RolloutError: another program has one.
    """
    _check(_of_nginx(plan, is_active), Host(), is_active)


def _check(needs: Iterable[Need], host: Host, active: Callable[[str], bool]) -> None:
    problems = dict.fromkeys(problem for need in needs for problem in _conflicts(need, host, active))
    if problems:
        raise RolloutError("\n".join(problems), UNAVAILABLE)


def _conflicts(need: Need, host: Host, active: Callable[[str], bool]) -> Iterator[str]:
    for listener in find_listeners(host, need.endpoint.port):
        its = [Endpoint("http", address, need.endpoint.port) for address in listener.addresses]
        if not any(need.endpoint.overlaps(each) for each in its) or _is_ours(listener, need, active):
            continue
        program = " of ".join(filter(None, (str(listener), listener.unit))) or "a program that only root can see"
        yield f"Port {need.endpoint.port} ({need.what}) is in use by {program}. Stop it, or {need.advice}."


def _is_ours(listener: Listener, need: Need, active: Callable[[str], bool]) -> bool:
    if listener.unit or listener.pid:
        return listener.unit in need.units
    return any(map(active, need.units))  # a dry run is not root, and may not see the program


def _of_cameras(plan: Plan) -> Iterator[Need]:
    """Yield the endpoints of the processes; units of other cameras are restarted, too."""
    numbers = plan.served
    units = (*(camera_unit(number) for number in numbers), *plan.disable, *(each.unit for each in plan.stop))
    for number, settings in numbers.items():
        for endpoint in settings.endpoints:
            if endpoint.port:
                yield Need(
                    endpoint,
                    f"camera {number}",
                    units,
                    f"choose another port with cam{number}_port or cam{number}_listen",
                )


def _of_nginx(plan: Plan, active: Callable[[str], bool]) -> Iterator[Need]:
    shared = next(iter(plan.cameras.values()))
    for port in nginx_checks.external_ports(plan.cameras):
        flag = "--portal-port" if port == shared.portal_port else "--camera-port-base"
        for address in EVERY_ADDRESS:
            yield Need(Endpoint("http", address, port), "nginx", (NGINX,), f"choose another port with {flag}")
    if not active(NGINX):
        yield from _of_other_sites(nginx_checks.external_ports(plan.cameras))


def _of_other_sites(ours: Collection[int]) -> Iterator[Need]:
    """Yield the ports of other sites: nginx does not start if another program has one of them."""
    for server in find_servers(read_configuration(INSTALLED.etc, ())):
        for listen, ports in server.listens:
            for port in ports.difference(ours):
                for address in EVERY_ADDRESS:
                    what = f"{listen.where}, without which nginx does not start"
                    yield Need(Endpoint("http", address, port), what, (NGINX,), "change that file")
