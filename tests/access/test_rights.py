"""Roles and rights."""

import pytest

from soft_stream.access.rights import ALL_RIGHTS, NO_RIGHTS, Rights, Role, parse_rights


def test_each_role_includes_those_before_it() -> None:
    """So a comparison is enough."""
    assert Role.NONE < Role.VIEW < Role.CONTROL < Role.ADMIN
    assert not Role.NONE


def test_rights_on_a_camera() -> None:
    """No numbers are all cameras."""
    some = Rights(Role.CONTROL, frozenset({0, 12}))
    assert [some.on(camera) for camera in (0, 1, 12)] == [Role.CONTROL, Role.NONE, Role.CONTROL]
    assert [ALL_RIGHTS.on(camera) for camera in (0, 99)] == [Role.ADMIN, Role.ADMIN]
    assert NO_RIGHTS.on(0) == Role.NONE


@pytest.mark.parametrize("text", ["role=view", "role=control camera=0", "role=admin camera=1,5,99"])
def test_rights_are_read_as_they_were_written(text: str) -> None:
    """In this one form."""
    assert str(parse_rights(text)) == text


@pytest.mark.parametrize(
    ("text", "rights"),
    [
        ("", ALL_RIGHTS),
        ("  ", ALL_RIGHTS),
        ("camera=7", Rights(Role.ADMIN, frozenset({7}))),
        ("  camera=2,1   role=view ", Rights(Role.VIEW, frozenset({1, 2}))),
        ("role=view camera=00,0", Rights(Role.VIEW, frozenset({0}))),
    ],
)
def test_forms(text: str, rights: Rights) -> None:
    """Without a role it is admin; order and white space do not count."""
    assert parse_rights(text) == rights


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("role=root", "role=root: must be one of: view, control, admin"),
        ("role=none", "role=none: must be one of: view, control, admin"),
        ("role=view role=admin", "role=admin: must be one role=ROLE and one camera=N"),
        ("camera=100", "camera=100: must be numbers from 0 to 99, separated by commas"),
        ("camera=-1", "camera=-1: must be numbers from 0 to 99, separated by commas"),
        ("x" * 1000, "x" * 40 + ": must be one role=ROLE and one camera=N"),
    ],
)
def test_the_message_has_the_word(text: str, problem: str) -> None:
    """It says what is expected, and shows a short part of a long word."""
    with pytest.raises(ValueError, match=f"^{problem}$"):
        parse_rights(text)
