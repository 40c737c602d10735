"""Which layer takes effect, and how errors are reported."""

import re
from pathlib import Path

import pytest

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.loader import SettingsError, load
from soft_stream.config.settings import SETTINGS, default_of, format_value
from tests.support.checkout import ROOT

SHIPPED = ROOT / "camera-soft-stream.env"
# seconds: https://github.com/home-assistant/core/blob/dev/homeassistant/components/mjpeg/camera.py, `TIMEOUT`
LEAST_PATIENCE = 10


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Return the path of a settings file to write."""
    return tmp_path / "settings.env"


def problems(file: Path, environ: dict[str, str] | None = None, **flags: str) -> list[str]:
    """Load wrong settings; return the problems without the name of the folder."""
    with pytest.raises(SettingsError) as error:
        load(environ or {}, file=file, camera=0, flags=flags)
    return [problem.replace(f"{file.parent}/", "") for problem in error.value.problems]


def test_each_layer_counts_more_than_the_one_before(env_file: Path) -> None:
    """Default < cam_ < camN_ in the file < cam_ < camN_ in the environment < flag."""
    layers = ["cam_fps=2", "cam0_fps=3", "cam_fps=4", "cam0_fps=5", "6"]
    for count in range(6):
        env_file.write_text("\n".join(layers[: min(count, 2)]))
        environ = dict(layer.split("=") for layer in layers[2 : min(count, 4)])
        flags = {"fps": layers[4]} if count == 5 else {}
        loaded = load(environ, file=env_file, camera=0, flags=flags)
        assert loaded.cameras[0].fps == [30, 2, 3, 4, 5, 6][count]


def test_the_environment_counts_even_with_the_text_of_the_file(env_file: Path) -> None:
    """A `cam_` key in the environment overrides `camN_` in the file, whatever the file has for `cam_`."""
    env_file.write_text("cam_fps=10\ncam0_fps=20")
    loaded = load({"cam_fps": "10"}, file=env_file)
    assert loaded.cameras[0].fps == 10
    assert loaded.origins[0]["fps"] == "environment cam_fps"


def test_a_camera_exists_when_it_has_a_key_of_its_own(env_file: Path) -> None:
    """Comments and cam_ lines configure no camera; each camera has its own port."""
    env_file.write_text("cam_fps=5\n#cam2_name=Garden\ncam0_name=Nozzle\ncam1_name=Bed")
    cameras = load({}, file=env_file).cameras
    assert {number: camera.port for number, camera in cameras.items()} == {0: 18081, 1: 18082}
    assert [camera.title for camera in cameras.values()] == ["Nozzle", "Bed"]


def test_all_problems_are_reported_at_once(env_file: Path) -> None:
    """Each problem names file, line, key, value and what is expected; for a typo, the most similar name."""
    env_file.write_text(
        "cam0_prot=8080\ncam0_fps=fast\ncam_quality=101\ncam0_width=1281\nnonsense\ncam_port=1\n"
        "cam1_port=18081\ncam0_id=x\ncam1_id=x\ncam1_snapshot_width=640\ncam0_rotation=45\nCAM0_NAME=a"
    )
    assert problems(env_file, {"cam0_bind": "here", "camx": "1"}, close_after="-1") == [
        "settings.env:5: nonsense: not KEY=VALUE; comments begin with #",
        "settings.env:1: cam0_prot=8080: no such setting; did you mean cam0_port?",
        "settings.env:6: cam_port=1: belongs to one camera; write cam0_port for camera 0, and so on",
        "settings.env:12: CAM0_NAME=a: no such setting; did you mean cam0_name?",
        "environment: cam0_bind=here: must be one or more IP addresses with spaces between them, such as 127.0.0.1 or "
        "0.0.0.0 or ::",
        "settings.env:4: cam0_width=1281: must be an even number from 32 to 16384 (pixels)",
        "settings.env:2: cam0_fps=fast: must be a number from 0.1 to 240 (frames a second)",
        "settings.env:3: cam_quality=101: must be a whole number from 1 to 100 (JPEG quality)",
        "settings.env:11: cam0_rotation=45: must be one of: 0, 90, 180, 270 (degrees)",
        "command line: --close-after=-1: must be a number from 0 to 86400 (seconds)",
        "settings.env:7: cam1_port=18081: camera 0 has the same (default); each camera needs its own",
        "settings.env:9: cam1_id=x: camera 0 has the same (settings.env:8); each camera needs its own",
        "default: cam1_snapshot_height=0: snapshot_width and snapshot_height are both 0 (the sensor's size) or neither",
    ]


def test_a_second_name_belongs_to_one_camera(env_file: Path) -> None:
    """Two cameras may save into one folder, and their newest files may have the same name in two folders."""
    env_file.write_text("cam0_save=/srv/a\ncam0_save_link=new.jpg\ncam1_save=/srv/a\ncam1_save_link=new.jpg")
    assert problems(env_file) == [
        "settings.env:4: cam1_save_link=new.jpg: camera 0 has the same (settings.env:2); each camera needs its own",
    ]
    env_file.write_text("cam0_save=/srv/a\ncam0_save_link=new.jpg\ncam1_save=/srv/b\ncam1_save_link=new.jpg")
    assert load({}, file=env_file).cameras[1].save_link == "new.jpg"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("autofocus", "1", "continuous"),
        ("autofocus", "0", "off"),
        ("hflip", "yes", True),
        ("bind", "127.0.0.1, ::1", ("127.0.0.1", "::1")),
        ("bind", "[::]", ("::",)),
        ("cors_origins", "HTTP://My_Pi:80/ https://[::1]:8443", ("http://my_pi", "https://[::1]:8443")),
        ("frame_ancestors", "http://HomeAssistant.local:8123", ("http://homeassistant.local:8123",)),
        ("hosts", "Cam.Example.ORG., *.Example.org cam.example.org", ("cam.example.org", "*.example.org")),
        ("hosts", "My_Pi über.example", ("my_pi", "xn--ber-goa.example")),
        ("listen", "HTTPS://[fe80::1%eth0]:1/", (Endpoint("https", "fe80::1%eth0", 1),)),
        ("log_level", "D", "debug"),
        ("watchdog_timeout", "0", 0),
        ("name", "Größe 2", "Größe 2"),
    ],
)
def test_spellings(name: str, text: str, value: object) -> None:
    """Spellings of the older programs are accepted."""
    assert SETTINGS[name].metadata["type"].parse(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fps", "nan"),
        ("fps", "inf"),
        ("port", "0"),
        ("bind", ""),
        ("bind", "::1 ::1"),
        ("name", "a\nb"),
        ("cors_origins", "http://*.local"),
        ("cors_origins", "http://ä.de"),
        ("cors_origins", "http://a#x"),
        ("cors_origins", "http://a?"),
        ("cors_origins", "http://:pw@a"),
        ("frame_ancestors", "http://a;script-src"),
        ("frame_ancestors", "'none'"),
        ("frame_ancestors", "http://[::1]:8123"),
        ("hosts", "*"),
        ("hosts", "*example.org"),
        ("hosts", "cam.*.example.org"),
        ("hosts", "cam.example.org:80"),
        ("hosts", "http://cam.example.org"),
        ("hosts", "cam.example.org/"),
        ("hosts", "192.168.1.5"),
        ("hosts", "127.1"),
        ("hosts", "a.0x7f"),
        ("hosts", "[::1]"),
        ("hosts", "a..b"),
        ("hosts", "."),
        ("hosts", "-a.example"),
        ("hosts", "a" * 64 + ".example"),
        ("hosts", "a.example " + "a." * 127 + "example"),
        ("hosts", "a\u2024b.example\u3002/x"),
        ("listen", "http://127.0.0.1:22611#x"),
        ("listen", "http://127.0.0.1:22611?"),
        ("listen", "http://:pw@127.0.0.1:22611"),
    ],
)
def test_nonsense_is_refused(env_file: Path, name: str, text: str) -> None:
    """A value that parses but that no camera can use is an error."""
    env_file.write_text("")
    (problem,) = problems(env_file, {f"cam0_{name}": text})
    assert problem.startswith(f"environment: cam0_{name}={text}: must be ")


def test_the_ports_of_nginx_are_the_same_for_all_cameras(env_file: Path) -> None:
    """They have only the form cam_NAME; a flag is for this process."""
    env_file.write_text("cam0_name=a\ncam3_name=b\ncam_portal_port=9000\ncam_camera_port_base=9001")
    cameras = load({}, file=env_file, camera=3, flags={"portal_port": "9100"}).cameras
    assert {number: (each.portal_port, each.public_port) for number, each in cameras.items()} == {
        0: (9000, 9001),
        3: (9100, 9004),
    }
    env_file.write_text("cam1_portal_port=9000")
    assert problems(env_file, {"cam0_camera_port_base": "1"}) == [
        "settings.env:1: cam1_portal_port=9000: must be the same for all cameras; write cam_portal_port",
        "environment: cam0_camera_port_base=1: must be the same for all cameras; write cam_camera_port_base",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "cam2_name=a\ncam_portal_port=8083",
            "default: cam_camera_port_base=8081: nginx serves camera 2 on port 8083, which is cam_portal_port "
            "(settings.env:2)",
        ),
        (
            "cam_camera_port_base=8080",
            "settings.env:1: cam_camera_port_base=8080: nginx serves camera 0 on port 8080, which is cam_portal_port "
            "(default)",
        ),
        (
            "cam4_name=a\ncam_camera_port_base=65532",
            "settings.env:2: cam_camera_port_base=65532: nginx serves camera 4 on port 65536, but the highest port is "
            "65535",
        ),
    ],
)
def test_ports_that_nginx_could_not_use(env_file: Path, text: str, problem: str) -> None:
    """The ports of nginx must differ and exist; without nginx a process may use such a port itself."""
    env_file.write_text(text)
    assert problems(env_file) == [problem]
    env_file.write_text("cam0_port=8080\ncam1_port=8081")
    assert load({}, file=env_file).cameras[0].port == 8080


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """A file that was named explicitly must exist."""
    assert problems(tmp_path / "none.env") == ["none.env: cannot be read: No such file or directory"]


def test_a_file_that_cannot_be_looked_up_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its folder's rights nothing says whether it is there; another file must not take its place."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "camera-soft-stream.env").write_text("cam0_name=Nozzle")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    monkeypatch.setattr("soft_stream.config.loader.INSTALLED_FILE", loop)
    with pytest.raises(SettingsError) as error:
        load({})
    assert error.value.problems == [f"{loop}: cannot be read: Too many levels of symbolic links"]


def test_control_characters_reach_no_terminal(env_file: Path) -> None:
    """Those of a value and of the name of a file are escaped in the message, which has a line for each problem."""
    env_file.write_text("cam0_fps=\x1b[31m\n")
    for file, shown in ((env_file, r"cam0_fps=\x1b[31m: must be"), (Path("a\nb\x1b"), r"a\nb\x1b: cannot be read")):
        with pytest.raises(SettingsError) as caught:
            load({}, file=file)
        assert shown in str(caught.value)
        assert len(str(caught.value).splitlines()) == 2


def test_a_file_that_is_too_long_is_not_parsed(env_file: Path) -> None:
    """A log or a disk image by mistake, or a device without an end, costs neither time nor memory."""
    expected = "cannot be read: longer than 500000 characters, so it is no settings file"
    env_file.write_text("cam_fps=5\n" + "# comment\n" * 60_000)
    assert problems(env_file) == [f"settings.env: {expected}"]
    assert problems(Path("/dev/zero")) == [f"zero: {expected}"]


def test_variables_of_the_camera_libraries(env_file: Path) -> None:
    """LIBCAMERA_ and PICAMERA2_ keys of the file become variables, unless the environment has them already."""
    env_file.write_text("LIBCAMERA_LOG_LEVELS=*:WARN\nPICAMERA2_X='a b'\nLIBCAMERA_RPI_X=file\ncam0_name=a")
    environ = {"LIBCAMERA_RPI_X": "environment"}
    loaded = load(environ, file=env_file)
    assert list(loaded.cameras) == [0]
    loaded.export_library_environ(environ)
    assert environ == {"LIBCAMERA_LOG_LEVELS": "*:WARN", "PICAMERA2_X": "a b", "LIBCAMERA_RPI_X": "environment"}


def test_the_shipped_file_shows_every_setting_with_its_default() -> None:
    """The shipped file is the reference: same keys, same defaults; those of one camera are there for camera 0."""
    shown, of_camera = {}, set()
    for line in SHIPPED.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and key.startswith("cam_"):
            assert key.removeprefix("cam_") not in shown, f"{key} is there twice"
            shown[key.removeprefix("cam_")] = value
        elif equals and key.lstrip("#").startswith("cam0_"):
            of_camera.add(key.lstrip("#").removeprefix("cam0_"))
    assert shown == {
        name: format_value(default_of(name, 0)) for name, each in SETTINGS.items() if not each.metadata["per_camera"]
    }
    assert of_camera >= {name for name, each in SETTINGS.items() if each.metadata["per_camera"]}


def test_the_shipped_file_explains_every_setting_in_two_lines() -> None:
    """Each block has one or two lines of explanation and then settings; what they link to exists."""
    text = SHIPPED.read_text()
    _, *blocks = re.split(r"\n+# --- .* -{3,}\n+", text)
    kinds = "\n".join("key" if re.match(r"#?cam\d*_\w+=", each) else each[:1] for each in "\n".join(blocks).split("\n"))
    assert re.fullmatch(r"((#\n){1,2}(key\n)+)+", kinds)
    assert max(map(len, text.splitlines())) <= 120
    for page, anchor in re.findall(r"(docs/[\w/-]+\.md)(?:#([\w-]+))?", text):
        headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
        assert anchor in {"", *anchors}, f"{page}#{anchor}"


def test_the_shipped_file_begins_with_what_people_change() -> None:
    """The first settings are id, name, size, frame rate and quality of camera 0; then the example of camera 1."""
    keys = re.findall(r"^(#?cam\d*_\w+)=", SHIPPED.read_text(), re.MULTILINE)
    assert keys[:6] == ["#cam0_id", "cam0_name", "cam_width", "cam_height", "cam_fps", "cam_quality"]
    own = ("name", "id", "width", "height", "fps", "quality")
    assert keys[6:12] == [f"#cam1_{name}" for name in own]


def test_the_shipped_file_configures_one_camera(env_file: Path) -> None:
    """Only its name is set; all other values are defaults. Without its #, each line of an example is valid."""
    loaded = load({}, file=SHIPPED)
    assert [name for name, origin in loaded.origins[0].items() if "cam0_" in origin] == ["name"]
    assert list(loaded.cameras) == [0]
    text = re.sub(r"^#(cam\d_(?!listen)\w+=)", r"\1", SHIPPED.read_text(), flags=re.MULTILINE)
    env_file.write_text(text)
    cameras = load({}, file=env_file).cameras
    assert [(each.port, each.width, each.fps) for each in cameras.values()] == [(18081, 1280, 30), (18082, 640, 15)]


def test_a_timeout_shorter_than_a_frame_is_refused(env_file: Path) -> None:
    """Valid values that together never give a frame are an error."""
    env_file.write_text("cam0_fps=0.1\ncam0_watchdog_timeout=0")
    assert problems(env_file) == [
        "default: cam0_start_timeout=8: must be at least 20 (seconds), the time of two frames at cam0_fps=0.1"
    ]


def test_clients_that_wait_ten_seconds_receive_the_reason() -> None:
    """By default the 503 is sent a second or more before Home Assistant and others give up."""
    assert load({}, file=SHIPPED).cameras[0].start_timeout <= LEAST_PATIENCE - 1


def test_a_unit_has_places_of_its_own(env_file: Path) -> None:
    """In a unit the pause file is in the first runtime directory, and the sockets for proxies in the last one."""
    env_file.write_text(
        'cam1_listen="https://0.0.0.0:1 unix:/run/cams/cam1.sock"\ncam_tls_certificate=/a\ncam_tls_key=/b'
    )
    (settings,) = load({"RUNTIME_DIRECTORY": "/run/cams:/run/other"}, file=env_file).cameras.values()
    assert (settings.pause_file, settings.pause_snapshot) == ("/run/cams/cam1.pause", "/run/cams/cam1-snap.jpg")
    assert settings.pause_acknowledgement == Path("/run/cams/cam1.pause.ack")
    own = "http://127.0.0.1:18082 http://[::1]:18082"
    endpoints = f"{own} https://0.0.0.0:1 unix:/run/cams/cam1.sock unix:/run/other/cam1.sock"
    endpoints += " unix:/run/other/cam1-login.sock"
    assert format_value(settings.endpoints) == endpoints
    env_file.write_text("cam0_name=a")
    (settings,) = load({"RUNTIME_DIRECTORY": "/run/cams"}, file=env_file).cameras.values()
    assert format_value(settings.listen) == "unix:/run/cams/cam0.sock unix:/run/cams/cam0-login.sock"
    assert load({}, file=env_file).cameras[0].listen == ()


def test_camera_numbers_have_an_end(env_file: Path) -> None:
    """Cameras have the numbers 0 to 99; another number is an error, not ignored."""
    env_file.write_text("cam100_name=x\ncam99_name=y\ncam01_name=z")
    assert [problem.partition("=")[0] for problem in problems(env_file)] == [
        "settings.env:1: cam100_name",
        "settings.env:3: cam01_name",
    ]


def test_a_byte_order_mark_is_no_key(env_file: Path) -> None:
    """A file from an editor that writes a BOM is read like any other."""
    env_file.write_bytes(b"\xef\xbb\xbfcam0_name=Nozzle")
    assert load({}, file=env_file).cameras[0].title == "Nozzle"
