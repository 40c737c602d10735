"""The syntax of the settings file, that of systemd's EnvironmentFile=."""

import pytest

from soft_stream.config.env_file import Assignment, parse, quote_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("key=value", "value"),
        ("key=", ""),
        ("  key = a value with spaces \t", "a value with spaces"),
        ("key='single # \\ \"quoted\"'", 'single # \\ "quoted"'),
        ('key="double \\" \\\\ \\$ \\n"', 'double " \\ $ \\n'),
        ("key=\"two\"'parts'", "twoparts"),
        ("key=it's", "it's"),
        ("key=a\\\n  b", "a  b"),
        ('key="a\nb"', "a\nb"),
        ("key=\\ kept", " kept"),
        ("key=no # comment", "no # comment"),
        ("key=a=b", "a=b"),
        ("key=value\r\n", "value"),
        ("key='open", "open"),
    ],
)
def test_value(text: str, value: str) -> None:
    """Quotes, escapes, continued lines and trailing spaces are resolved as systemd does."""
    assert parse(text) == [Assignment(1, "key", value, last_line=1 + text.rstrip().count("\n"))]


def test_comments_and_empty_lines_are_skipped() -> None:
    """Lines that are empty or begin with # or ; assign nothing, and a backslash does not continue them."""
    assert parse("# a=1 \\\n\n;b=2\n  # c=3\nd=4") == [Assignment(5, "d", "4", last_line=5)]


def test_lines_are_counted_over_continued_values() -> None:
    """Line numbers are those of the file, also after values of several lines."""
    assert parse('a="1\n2"\nb=3\\\n4\nc=5') == [
        Assignment(1, "a", "1\n2", last_line=2),
        Assignment(3, "b", "34", last_line=4),
        Assignment(5, "c", "5", last_line=5),
    ]


def test_an_empty_line_that_is_continued_belongs_to_its_value() -> None:
    """A backslash at the end takes the next line, even if that adds nothing; a quote without an end takes the rest."""
    assert parse("a=1\\\n \nb=2")[0] == Assignment(1, "a", "1", last_line=2)
    assert parse("a='1\n#b=2\n") == [Assignment(1, "a", "1\n#b=2\n", last_line=3)]


def test_a_line_without_an_equals_sign_has_no_value() -> None:
    """A line without an equals sign is kept, with None as its value."""
    assert parse("a=1\nexport\nb=2")[1] == Assignment(2, "export", None, last_line=2)


@pytest.mark.parametrize(
    "value",
    ["", "/base/axi/i2c@88000/imx708@1a", r"\_SB_.PCI0.S18_-1:1.0", "two words", "it's", "\"`$\\'", "# no comment"],
)
def test_quoted_values_are_read_back(value: str) -> None:
    """A quoted value is read back unchanged."""
    assert parse(f"key={quote_value(value)}\n") == [Assignment(1, "key", value, last_line=1)]
