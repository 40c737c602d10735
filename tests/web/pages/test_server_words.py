"""Each sentence of the server that has a code has words for the page, and the other way round."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import soft_stream
from soft_stream.capture.requests import FocusResult
from soft_stream.capture.status import State
from soft_stream.web.pages.i18n import FALLBACK, MESSAGES

PREFIX = "server."
WORDS = MESSAGES[FALLBACK]
# What the codes that are made at run time can be.
MADE = {"f'focus.{outcome.result}'": FocusResult, "f'state.{state}'": State}


def list_messages() -> Iterator[tuple[str, ast.Call]]:
    """Yield the code of each message that the program can make, and the call that makes it."""
    for file in Path(soft_stream.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "Message":
                continue
            code = node.args[0]
            if isinstance(code, ast.Constant):
                yield str(code.value), node
            else:
                written = ast.unparse(code)
                for each in MADE[written]:
                    yield re.sub("{.*}", each, written)[2:-1], node


def key_of(code: str) -> str:
    """Return the key of the words, as the scripts find it: a code with a dot is a key."""
    return code if "." in code else f"{PREFIX}{code}"


MESSAGES_OF_THE_SERVER = sorted(list_messages(), key=lambda each: each[0])


def test_every_code_has_words() -> None:
    """The page has words for every code, and no words of the server without a code."""
    keys = {key_of(code) for code, _ in MESSAGES_OF_THE_SERVER}
    assert keys - WORDS.keys() == set()
    assert {key for key in WORDS if key.startswith(PREFIX)} - keys == set()


@pytest.mark.parametrize(("code", "call"), MESSAGES_OF_THE_SERVER, ids=[code for code, _ in MESSAGES_OF_THE_SERVER])
def test_the_words_use_the_values(code: str, call: ast.Call) -> None:
    """The words have no placeholder for which the server sends no value, and those of the server use all of them."""
    values, used = {each.arg for each in call.keywords}, set(re.findall(r"{(\w+)}", WORDS[key_of(code)]))
    assert used <= values
    if "." not in code:
        assert used == values
