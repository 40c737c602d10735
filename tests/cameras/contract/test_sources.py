"""Every driver runs the tests of the contract, and the documentation has what each cannot do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import soft_stream.cameras
from soft_stream.cameras.factory import DRIVERS
from soft_stream.config.source_settings import SOURCES as VALUES
from tests.cameras.contract.conftest import IN_CHILD, runs_in_child
from tests.cameras.contract.sources import SOURCES, module_of
from tests.support.checkout import ROOT
from tests.support.sources.base import Lack, Source

TABLE = ROOT / "docs" / "sources" / "README.md"
ROW = re.compile(r"^\| \[`(?P<key>[^`]+)`\]\([a-z0-9.-]+\.md\)[^|]* \| (?P<lacks>[^|]+) \|", re.MULTILINE)
OWN_PACKAGES = {"picamera": "picamera", "test-pattern": "synthetic"}
"""The drivers that the factory makes without `DRIVERS`."""
IN_CHILDREN = [key for key in SOURCES if module_of(key) and runs_in_child(key) and IN_CHILD not in os.environ]
LONG_ENOUGH = 1200


@pytest.mark.parametrize("value", VALUES)
def test_each_value_of_the_setting_has_a_source(value: str) -> None:
    """A new value of the setting `source` needs the module of a source for the tests of the contract."""
    keys = [key for key in SOURCES if key.split()[0] == value]
    assert keys, f"tests/cameras/contract/sources.py has no source for {value}"
    for key in keys:
        module = module_of(key)
        assert module, f"{SOURCES[key]} does not exist"
        assert callable(getattr(module, SOURCES[key].partition(":")[2]))


def test_each_driver_is_the_one_of_a_value() -> None:
    """A package with a driver belongs to a value of the setting, and each value to one."""
    folder = Path(soft_stream.cameras.__file__).parent
    packages = {file.parent.name for file in folder.glob("*/camera.py")}
    of_values = {value: path.split(".")[2] for value, path in DRIVERS.items()} | OWN_PACKAGES
    assert set(of_values) == set(VALUES)
    assert packages - set(of_values.values()) == set()
    assert {key.split()[0] for key in SOURCES} == set(VALUES)


def test_the_documentation_has_what_a_source_cannot_do(source: Source, source_name: str) -> None:
    """The table in docs/sources/README.md has a row for each source, with what it declares."""
    rows = {row["key"]: row["lacks"].strip() for row in ROW.finditer(TABLE.read_text())}
    assert source_name in rows
    expected = {str(lack) for lack in source.lacks} or {"nothing"}
    assert set(rows[source_name].split("; ")) == expected


def test_the_documentation_has_no_other_source() -> None:
    """Each row of the table is a source, and each thing that it lacks is one that can be declared."""
    rows = {row["key"]: row["lacks"].strip() for row in ROW.finditer(TABLE.read_text())}
    assert rows
    assert rows.keys() <= SOURCES.keys()
    assert {each for lacks in rows.values() for each in lacks.split("; ")} <= {*map(str, Lack), "nothing"}


@pytest.mark.slow
@pytest.mark.skipif(not IN_CHILDREN, reason="no source needs a process of its own")
@pytest.mark.parametrize("key", IN_CHILDREN)
def test_a_source_in_a_process_of_its_own(key: str) -> None:
    """The tests of a source whose module has `environment` pass in a process that has these variables."""
    module = module_of(key)
    assert module
    here = Path(__file__)
    tests = [
        here.with_name("test_contract.py"),
        f"{here}::{test_the_documentation_has_what_a_source_cannot_do.__name__}",
    ]
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *map(str, tests)]
    child = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=LONG_ENOUGH,
        env=os.environ | module.environment() | {IN_CHILD: key},
    )  # fmt: skip
    assert child.returncode == 0, child.stdout[-10_000:] + child.stderr[-2000:]
    skipped = re.findall(r"^SKIPPED \[\d+\] \S+: (.*)$", child.stdout, re.MULTILINE)
    assert all(reason.startswith("declared: ") for reason in skipped), skipped
