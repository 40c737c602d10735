"""The repository's settings and those of the machine, over several rollouts to a real system."""

from tests.end_to_end.lab.conftest import BootContainer, NewCheckout
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import OPT, SETTINGS, Checkout, in_force, serves

FILE = "camera-soft-stream.env"
EDITED = {"cam_source": "test-pattern", "cam_width": "640", "cam_height": "360", "cam_quality": "70"}


def edit(checkout: Checkout, **values: str) -> None:
    """Edit the repository's settings file, as the README asks for."""
    file = checkout.folder / FILE
    lines = file.read_text().splitlines()
    for key, value in values.items():
        lines = [f"{key}={value}" if line.lstrip("#").startswith(f"{key}=") else line for line in lines]
        assert f"{key}={value}" in lines
    file.write_text("\n".join([*lines, ""]))


def value(machine: Container, key: str) -> str:
    """Return the value of a key in the machine's settings."""
    return machine.output(f"sed -n 's/^{key}=//p' {SETTINGS}")


def test_both_sides_of_the_settings_are_merged(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """Edits of the repository and of the machine are kept over rollouts and a rollback; a contradiction stops them."""
    machine = boot_container()
    checkout = new_checkout()
    edit(checkout, **EDITED)
    said = checkout.deploy(machine)
    assert "+cam_quality=70  <- repository\n" in said
    serves(machine, 0)
    assert "Nothing to change" in checkout.deploy(machine)

    # the machine alone, then the repository alone
    machine.run(f"sed -i 's/^cam_fps=.*/cam_fps=15/' {SETTINGS}")
    assert "Nothing to change" in checkout.deploy(machine)
    assert value(machine, "cam_fps") == "15"
    restart = "sudo systemctl restart camera-soft-cam@0"
    machine.until(f"curl -fsS http://127.0.0.1:18081/status.json | grep -qF 'To apply them: {restart}'", 60)
    warning = f"the settings have changed since its process was started: cam_fps; to apply them: {restart}\n"
    assert warning in f"{machine.output('soft-stream check')}\n"
    assert f"fix: {restart}\n" in machine.run("soft-stream doctor", check=False).stdout
    edit(checkout, cam_quality="60", cam0_name="Bed")
    said = checkout.deploy(machine)
    assert "  -cam_quality=70  <- repository\n  +cam_quality=60  <- repository\n" in said
    assert [value(machine, key) for key in ("cam_fps", "cam_quality", "cam0_name")] == ["15", "60", "Bed"]
    serves(machine, 0)

    # both: nothing is changed until one side is preferred
    before = in_force(machine)
    edit(checkout, cam_fps="10", cam0_name="Table")
    for words in ((), ("--dry-run",)):
        said = checkout.deploy(machine, *words, status=78)
        assert "\n  cam_fps: 10 in the repository, 15 on the target; before: 30\n" in said
        assert "cam0_name" not in said
    assert in_force(machine) == before
    said = checkout.deploy(machine, "--prefer", "target")
    assert "--prefer target decides:\n  cam_fps: 10" in said
    assert [value(machine, key) for key in ("cam_fps", "cam0_name")] == ["15", "Table"]
    assert "Nothing to change" in checkout.deploy(machine)

    # the rollback restores the base, too: the same contradiction is found again
    before = in_force(machine)
    assert "Nothing was changed." in checkout.deploy(machine, "--rollback", "--dry-run")
    assert in_force(machine) == before
    checkout.deploy(machine, "--rollback")
    assert [value(machine, key) for key in ("cam_fps", "cam0_name")] == ["15", "Bed"]
    assert "cam_fps: 10 in the repository" in checkout.deploy(machine, status=78)
    checkout.deploy(machine, "--prefer", "repository")
    assert [value(machine, key) for key in ("cam_fps", "cam0_name")] == ["10", "Table"]
    serves(machine, 0)


def test_ids_are_those_of_the_file(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """An id that no camera has ends the rollout with the list, and nothing changes; a host can have its own file."""
    machine = boot_container()
    checkout = new_checkout()
    edit(checkout, **EDITED, cam0_id="/base/mine")
    wrong = f"{(checkout.folder / FILE).read_text()}cam1_source=picamera\ncam1_id=/base/nothing\n"
    (checkout.folder / "camera-soft-stream.lab.env").write_text(wrong)
    before = machine.output("ls -A /etc/camera-streamer /etc/nginx/conf.d /usr/local/bin; getent passwd")
    said = checkout.deploy(machine, status=78)
    assert "Settings of the repository: camera-soft-stream.lab.env\n" in said
    assert said.endswith("  cam1_id=/base/nothing: no connected camera has this id\nConnected cameras: none\n")
    assert machine.output("ls -A /etc/camera-streamer /etc/nginx/conf.d /usr/local/bin; getent passwd") == before
    assert machine.run(f"test -e {OPT}/current", check=False).returncode == 1
    own = checkout.folder / "camera-soft-stream.container.env"
    own.write_text("cam_source=test-pattern\ncam3_id=/base/mine\n")
    assert "+cam3_id=/base/mine  <- repository\n" in checkout.deploy(machine)
    assert machine.output(f"grep -c '^cam[0-9]_name=' {SETTINGS} || true") == "0"
    serves(machine, 3)
    # on an upgrade only a new id is an error: the camera of the other one may be unplugged
    own.write_text("cam_source=picamera\ncam3_id=/base/mine\n")
    assert "+cam_source=picamera  <- repository\n" in checkout.deploy(machine, "--dry-run")
    own.write_text("cam_source=picamera\ncam3_id=/base/other\n")
    assert "cam3_id=/base/other: no connected camera has this id" in checkout.deploy(machine, "--dry-run", status=78)
