"""Other nginx sites on our ports: which are replaced, how their files are changed, and what the rest still does."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rollout import nginx_sites
from rollout.system import RolloutError, read_exactly

from tests.support import nginx_process

PORTS = nginx_sites.Ports([8080, 8081, 8082], [18081, 18082])
CAMERA = "server { listen 8081; location / { proxy_pass http://127.0.0.1:18081; } }"
OCTOPRINT = "server { listen 5000; location / { proxy_pass http://127.0.0.1:5001; } }"
# the shape of a real installation
MIXED = """\
server { listen 5000; auth_basic "printer"; auth_basic_user_file /etc/nginx/printer.htpasswd; \
location / { proxy_pass http://127.0.0.1:5001; } }
server { listen 8081; auth_basic "printer"; auth_basic_user_file /etc/nginx/printer.htpasswd; \
location / { proxy_pass http://127.0.0.1:18081; } }
server { listen 8082; auth_basic "printer"; auth_basic_user_file /etc/nginx/printer.htpasswd; \
location / { proxy_pass http://127.0.0.1:18082; } }
"""
MULTI_LINE = """\
# the cameras {
upstream nozzle {
    server 127.0.0.1:18081;
}
server {
    listen [::]:8081 ssl; # not "listen 80;" {
    listen 192.168.1.5:8081 ssl;
    server_name "a}b;{" 'c\\'d';
    location / {
        set $quoted "} server { listen 5000; }";
        proxy_pass http://nozzle/;
    }
    location ~ "^/x{2}$" {
        if ($request_method = "POST") { return 405; }
        proxy_pass http://nozzle;
    }
}
server {
    listen 80;
    location /webcam/ { proxy_pass http://nozzle/; }
    location / { proxy_pass http://127.0.0.1:5001; }
}
"""
Sites = Callable[..., Path]


@pytest.fixture
def sites(tmp_path: Path) -> Sites:
    """Return a function that writes nginx's files (path below its folder -> text), and returns the folder."""

    def write(files: dict[str, str | bytes], http: str = "") -> Path:
        for name in ("conf.d", "sites-enabled", "sites-available", "temp", "camera-soft-stream"):
            (tmp_path / name).mkdir(exist_ok=True)
        includes = f"{http} include sites-enabled/*;"
        main = nginx_process.NGINX_CONF.format(user="", folder=tmp_path, others=includes)
        (tmp_path / "nginx.conf").write_text(main)
        for path, text in files.items():
            (tmp_path / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write


def taken_over(etc: Path) -> nginx_sites.Takeover:
    """Apply the takeover to the files as a rollout does, and let nginx check the result."""
    found = nginx_sites.find(etc, PORTS, ())
    for path in found.moved:
        path.rename(etc / "camera-soft-stream" / path.name)
    for path, directives in found.edited.items():
        text = nginx_sites.comment_out(read_exactly(path), directives, "0.1.0-abc", Path("/backup/of") / path.name)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    accepts(etc)
    return found


def accepts(etc: Path) -> None:
    """Check that nginx accepts its configuration."""
    checked = nginx_process.check(etc)
    assert checked.returncode == 0, checked.stderr


def active(text: str) -> str:
    """Return a text without comment lines and empty lines."""
    return "".join(line for line in text.splitlines(keepends=True) if line.strip() and not line.strip().startswith("#"))


def conflict(etc: Path) -> str:
    """Return why the sites are in the way, without the name of the folder."""
    with pytest.raises(RolloutError) as error:
        nginx_sites.find(etc, PORTS, ())
    assert error.value.status == 69
    return str(error.value).replace(f"{etc}/", "")


def test_a_file_for_octoprint_and_the_cameras(sites: Sites) -> None:
    """Only the servers of the cameras become comments, with a note; the line of OctoPrint stays as it is."""
    etc = sites({"sites-enabled/printer": MIXED})
    found = taken_over(etc)
    text = (etc / "sites-enabled/printer").read_text()
    assert (found.moved, found.htpasswd) == ([], [Path("/etc/nginx/printer.htpasswd")])
    assert active(text) == MIXED.splitlines(keepends=True)[0]
    assert text.count("\n#server { listen 808") == 2
    for port in (8081, 8082):
        assert f"# Commented out by the rollout of camera-soft-stream 0.1.0-abc, which serves port {port} " in text
    assert text.count("\n# The file as it was before: /backup/of/printer\n") == 2
    again = nginx_sites.find(etc, PORTS, ())
    assert (again.moved, again.edited, again.htpasswd) == ([], {}, [])


def test_servers_on_several_lines_with_quotes_and_comments(sites: Sites) -> None:
    """Braces in quoted strings and comments do not count; an upstream is a camera, and stays for OctoPrint's server."""
    etc = sites({"conf.d/all.conf": MULTI_LINE.replace(" ssl", "")})
    found = taken_over(etc)
    assert found.moved == []
    before, after = MULTI_LINE.splitlines(), active((etc / "conf.d/all.conf").read_text()).splitlines()
    assert after == [*before[1:4], *before[-5:]]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (f"{OCTOPRINT} {CAMERA} {CAMERA.replace(' 8081', ' 8082')} {OCTOPRINT.replace('5000', '5002')}", None),
        (f"{OCTOPRINT}{CAMERA}", OCTOPRINT),
        (f"{CAMERA}{OCTOPRINT}", OCTOPRINT),
        (f"{CAMERA} # the camera\n{OCTOPRINT}", OCTOPRINT),
        (f"{OCTOPRINT}\n{CAMERA}\n".replace(" ", "\r\n"), OCTOPRINT),
        (f"\t{CAMERA}\n\t{OCTOPRINT}", OCTOPRINT),
    ],
)
def test_several_servers_on_a_line(sites: Sites, text: str, rest: str | None) -> None:
    """Whatever is beside a camera's server on its line stays, and is valid."""
    etc = sites({"sites-enabled/printer": text})
    taken_over(etc)
    left = active((etc / "sites-enabled/printer").read_text()).split()
    expected = f"{OCTOPRINT} {OCTOPRINT.replace('5000', '5002')}" if rest is None else rest
    assert left == expected.split()


@pytest.mark.parametrize("text", [CAMERA, f"# mine\n{CAMERA}\n{CAMERA.replace(' 8081', ' 8082')}\n", "upstream"])
def test_a_file_of_cameras_is_moved(sites: Sites, text: str) -> None:
    """A file in which only cameras are served disappears as a whole, also if it is a symbolic link."""
    if text == "upstream":
        text = "upstream a { server localhost:18082; } server { listen 8082; location / { proxy_pass http://a; } }"
    etc = sites({"sites-available/cams": text, "conf.d/other.conf": OCTOPRINT})
    link = etc / "sites-enabled/cams"
    link.symlink_to("../sites-available/cams")
    found = taken_over(etc)
    assert (found.moved, found.edited) == ([link], {})
    assert (etc / "sites-available/cams").read_text() == text


def test_a_file_that_others_need_is_not_moved(sites: Sites) -> None:
    """A file with an upstream of another site or with settings, or that no wildcard loads, stays in its place."""
    upstream = "upstream cam { server 127.0.0.1:18081; }"
    cases = {
        "conf.d/a.conf": f"{upstream} {CAMERA}",
        "sites-enabled/b": "limit_req_zone $binary_remote_addr zone=b:1m rate=1r/s;" + CAMERA.replace(" 8081", " 8082"),
        "c.conf": CAMERA.replace(" 8081", " 8080"),
        "sites-enabled/z": "server { listen 80; limit_req zone=b; location / { proxy_pass http://cam; } }",
    }
    etc = sites(cases, http="include c.conf;")
    found = taken_over(etc)
    assert (found.moved, len(found.edited)) == ([], 3)


def test_a_link_is_followed(sites: Sites) -> None:
    """A site in sites-enabled that is a symbolic link stays one; the file behind it is changed, once for two links."""
    etc = sites({"sites-available/printer": MIXED})
    for name in ("printer", "again"):
        (etc / "sites-enabled" / name).symlink_to("../sites-available/printer")
    found = taken_over(etc)
    assert list(found.edited) == [etc / "sites-available/printer"]
    assert (etc / "sites-enabled/printer").is_symlink()
    assert (etc / "sites-available/printer").read_text().count("#server") == 2


@pytest.mark.parametrize("other", ["5000", "127.0.0.1:5000", "[::1]:5000", "unix:/tmp/octoprint-test.sock"])
def test_a_server_with_another_port_keeps_it(sites: Sites, other: str) -> None:
    """Of a server that also has another port only our `listen` lines become comments."""
    locations = (
        "location / { proxy_pass http://127.0.0.1:5001; } location /webcam/ { proxy_pass http://127.0.0.1:18081/; }"
    )
    etc = sites({"sites-enabled/a": f"server {{ listen 8080; listen {other}; listen [::]:8081 ; {locations} }}"})
    found = taken_over(etc)
    text = active((etc / "sites-enabled/a").read_text())
    assert found.moved == []
    assert re.findall(r"listen (\S+);", text) == [other]
    assert locations in text


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy_pass http://127.0.0.1:18081;",
        "proxy_pass http://[::1]:18081/stream;",
        "proxy_pass http://localhost:18081$request_uri;",
        "set $camera 127.0.0.1:18081; proxy_pass http://$camera;",
        "set $camera http://127.0.0.1:18081; proxy_pass ${camera};",
        "set $camera 127.0.0.1:18081; proxy_pass http://$camera$request_uri;",
        "proxy_pass http://$host:18081;",
        "proxy_pass http://$mapped;",
        "include snippets.conf;",
    ],
)
def test_ways_to_forward(sites: Sites, proxy: str) -> None:
    """A camera is recognised through variables, maps and included files."""
    http = "map $server_port $mapped { default 127.0.0.1:18082; 8081 127.0.0.1:18081; }"
    etc = sites(
        {
            "sites-enabled/a": f"server {{ listen 8081; location / {{ {proxy} }} }}\n{OCTOPRINT}",
            "snippets.conf": "proxy_pass 'http://127.0.0.1:18081';",
        },
        http,
    )
    taken_over(etc)
    assert active((etc / "sites-enabled/a").read_text()) == OCTOPRINT


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("server { listen 8080; root /var/www; }", "listens on port 8080, and forwards to no camera."),
        ("server { listen 127.0.0.1:8082; return 444; }", "listens on port 8082, and forwards to no camera."),
        (
            "server { listen 8081; location / { proxy_pass http://127.0.0.1:1808; } }",
            "8081, and forwards to no camera.",
        ),
        (
            "server { listen 8081; location / { proxy_pass http://192.0.2.7:18081; } }",
            "8081, and forwards to no camera.",
        ),
        (
            f"server {{ listen 8080; {OCTOPRINT[22:-2]} location /webcam/ {{ proxy_pass http://127.0.0.1:18081/; }} }}",
            "listens on port 8080, and forwards to a camera and to 127.0.0.1:5001.",
        ),
        (CAMERA.replace("8081;", "8079-8081;", 1), "listens on the ports 8079-8081, of which 8080, 8081 is ours."),
    ],
)
def test_others_on_our_ports_are_conflicts(sites: Sites, server: str, reason: str) -> None:
    """The file and the line are named, with a way out."""
    etc = sites({"sites-enabled/mine": f"# a\n{OCTOPRINT}\n{server}\n"})
    accepts(etc)
    said = conflict(etc)
    assert said.startswith("sites-enabled/mine:3: this server ")
    assert reason in said
    assert "--portal-port" in said


@pytest.mark.parametrize(
    "text",
    [
        "server { listen 80; location / { proxy_pass http://127.0.0.1:18081; } }",
        "server { listen 18081; return 204; }",
        "upstream a { server 127.0.0.1:8081; }",
        "# server { listen 8081; }",
        "server { listen 192.168.1.5; listen unix:/tmp/8081.sock; return 204; }",
        "",
    ],
)
def test_sites_on_other_ports_stay(sites: Sites, text: str) -> None:
    """A site that does not listen on our ports is not touched, even if it forwards to a camera."""
    etc = sites({"sites-enabled/a": text, "conf.d/off.conf.disabled": "server { listen 8080; }"})
    found = nginx_sites.find(etc, PORTS, ())
    assert (found.moved, found.edited) == ([], {})


def test_text_that_is_not_utf_8(sites: Sites) -> None:
    """Every other byte stays, whatever the encoding and the line ends are."""
    printer = b'server { listen 5000; server_name "Drucker f\xfcr alle"; return 204; }\r\n'
    etc = sites({"sites-enabled/a": b"# K\xe4se\x0b\r\n" + CAMERA.encode() + b"\r\n" + printer})
    taken_over(etc)
    text = (etc / "sites-enabled/a").read_bytes()
    assert text.startswith(b"# K\xe4se\x0b\r\n# Commented out ")
    assert text.endswith(b"\r\n" + printer)
    assert text.count(b"\n") == text.count(b"\r\n") == 5


def test_every_login_counts_on(sites: Sites) -> None:
    """The login files of the replaced servers: quoted, relative to nginx's folder, or set for all servers."""
    one = CAMERA.replace("listen 8081;", 'listen 8081; auth_basic a; auth_basic_user_file "my users";')
    two = CAMERA.replace(" 8081", " 8082").replace("location / {", "location / { auth_basic_user_file /etc/users;")
    etc = sites({"conf.d/a.conf": f"{one}\n{two}", "conf.d/b.conf": CAMERA.replace(" 8081", " 8080") + one[:-1] + "}"})
    assert nginx_sites.find(etc, PORTS, ()).htpasswd == [etc / "my users", Path("/etc/users")]
    etc = sites({}, http="auth_basic_user_file all;")
    assert nginx_sites.find(etc, PORTS, ()).htpasswd == [etc / "my users", Path("/etc/users"), etc / "all"]


def test_hints(sites: Sites) -> None:
    """A site that stays and forwards to one of our ports would get a 401; a replaced server may have had TLS."""
    etc = sites(
        {
            "conf.d/mainsail.conf": "upstream mjpgstreamer1 { server 127.0.0.1:8080; }\n"
            "server { listen 80; location /webcam/ { proxy_pass http://mjpgstreamer1/; } }",
            "conf.d/tls.conf": CAMERA.replace("8081;", "8081 ssl;", 1),
        }
    )
    forward, tls = nginx_sites.find(etc, PORTS, ()).hints
    assert forward.startswith(f"{etc}/conf.d/mainsail.conf:2: this server forwards to 127.0.0.1:8080, where nginx now ")
    assert forward.endswith("(18081, 18082)")
    assert tls.startswith(f"{etc}/conf.d/tls.conf:1: this server used TLS; ")


@pytest.mark.parametrize("listen", ["8081", "5000"])
def test_a_file_that_cannot_be_read_as_a_configuration(sites: Sites, listen: str) -> None:
    """Lua or a quote that does not end in a file counts only if the file seems to use our ports."""
    for text in (
        f"server {{ listen {listen}; content_by_lua_block {{ x = '}}' }}",
        f'server {{ listen {listen}; a "',
    ):
        etc = sites({"sites-enabled/a": text})
        if listen == "5000":
            assert nginx_sites.find(etc, PORTS, ()).edited == {}
        else:
            assert re.match(r"sites-enabled/a:1: .*; this file seems to listen on port 8081\.", conflict(etc))


def test_servers_outside_http(sites: Sites) -> None:
    """A server of nginx's stream module is found, too, in the main file itself."""
    etc = sites({})
    main = etc / "nginx.conf"
    main.write_text(main.read_text() + "stream { server { listen 8081; proxy_pass 127.0.0.1:18081; } }")
    found = nginx_sites.find(etc, PORTS, ())
    assert [(path, len(directives)) for path, directives in found.edited.items()] == [(main, 1)]


def test_our_own_files_are_not_others(sites: Sites) -> None:
    """The files of the rollout are left out, however they are loaded."""
    etc = sites({"conf.d/camera-soft-stream.conf": "server { listen 8080; }"})
    assert nginx_sites.find(etc, PORTS, [etc / "conf.d/camera-soft-stream.conf"]).edited == {}


def test_without_the_main_file_debians_folders_count(sites: Sites) -> None:
    """Sites of an nginx that is not installed yet are found."""
    etc = sites({"sites-enabled/a": CAMERA, "conf.d/b.conf": MIXED, "conf.d/c.txt": "server { listen 8080; }"})
    (etc / "nginx.conf").unlink()
    found = nginx_sites.find(etc, PORTS, ())
    assert (found.moved, list(found.edited)) == ([etc / "sites-enabled/a"], [etc / "conf.d/b.conf"])
