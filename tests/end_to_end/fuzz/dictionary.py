"""The words of the product: routes, names of parameters and headers, values and bounds, read from its source code.

They are read when the fuzzer starts, so a route, a parameter or a comparison that is added later is tried, too.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from aiohttp import hdrs

import soft_stream
from soft_stream.web.app import ROUTES
from soft_stream.web.pages.pages import STATIC
from soft_stream.web.request import parse_rendition

PRODUCT = Path(soft_stream.__file__).parent
# what a request can reach
READ_BY_REQUESTS = (
    "web",
    "capture/control_values.py",
    "capture/controls.py",
    "capture/requests.py",
    "capture/pause.py",
    "frames/rendition.py",
)
# one token of a request: without white space, so docstrings and sentences are left out
TOKEN = re.compile(r"[!-~]{1,40}")
HEADER = re.compile(r"[A-Z][A-Za-z]*(-[A-Z][A-Za-z]*)+|Host|Origin|Referer|Accept|Cookie|Range|Expect|Upgrade|TE")
PARAMETER = re.compile(r"[a-z][a-z_]{0,20}")
# names of the mapping that a parameter is looked up in
QUERIES = {"query", "fields", "values"}


@dataclass(frozen=True)
class Words:
    """The words, each list sorted, so that they are the same in each run."""

    paths: list[str]
    methods: Mapping[str, str]
    """The method of each route, by its path."""
    parameters: list[str]
    near: Mapping[str, list[str]]
    """The parameters that the module of a route's handler reads, by the path of the route."""
    choices: Mapping[str, list[str]]
    """The values that a parameter may have, by its name, where there are only a few."""
    bounds: Mapping[str, tuple[float, float]]
    """The lowest and the highest value of a parameter that is a number, by its name."""
    headers: list[str]
    tokens: list[str]
    numbers: list[float]


@cache
def read_words() -> Words:
    """Return the words of the product as it is now."""
    parameters, headers, tokens, numbers = set[str](), set[str](), set[str](), set[float]()
    choices: dict[str, list[str]] = {}
    bounds: dict[str, tuple[float, float]] = {}
    of_module: dict[str, set[str]] = {}
    for file in _files():
        names = vars(import_module(".".join(file.relative_to(PRODUCT.parent).with_suffix("").parts)))
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and TOKEN.fullmatch(node.value):
                (headers if HEADER.fullmatch(node.value) else tokens).add(node.value)
            elif isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value < 1e12:
                numbers.add(node.value)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hdrs":
                headers.add(str(getattr(hdrs, node.attr)))
            if name := _parameter(node):
                parameters.add(name)
                of_module.setdefault(names["__name__"], set()).add(name)
                arguments = _arguments(node, names)
                if texts := [each for each in arguments[2:] if isinstance(each, str)]:
                    choices[name] = texts
                elif len(arguments) > 3 and all(isinstance(each, int | float) for each in arguments[-2:]):
                    bounds.setdefault(name, (arguments[-2], arguments[-1]))
    routes = [route for each in ROUTES.values() for route in each]
    methods = {re.sub(r"\{.*", "", route.path): route.method for route in routes}
    methods |= {f"/static/{name}": "GET" for name in STATIC}
    shared = of_module[parse_rendition.__module__]
    near = {
        route.path: sorted(of_module.get(route.handler.__module__, shared)) * 3 + sorted(shared) for route in routes
    }
    names_of_kinds = sorted(parameters), near, choices, bounds
    return Words(sorted(methods), methods, *names_of_kinds, sorted(headers), sorted(tokens), sorted(numbers))


def _files() -> list[Path]:
    places = [PRODUCT / place for place in READ_BY_REQUESTS]
    return [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]


def _arguments(node: ast.AST, names: Mapping[str, Any]) -> list[Any]:
    """Return the arguments of a call, as far as they are constants of its module; None for others."""
    arguments: list[Any] = []
    for each in node.args if isinstance(node, ast.Call) else ():
        inner = each.value if isinstance(each, ast.Starred) else each
        value: Any = inner.value if isinstance(inner, ast.Constant) else names.get(getattr(inner, "id", ""))
        arguments += [str(one) for one in value or ()] if isinstance(each, ast.Starred) else [value]
    return arguments


def _parameter(node: ast.AST) -> str | None:
    """Return the name of a query parameter that an expression reads, in any of the forms that the product uses."""
    candidates: list[ast.expr] = []
    if isinstance(node, ast.Call):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name.startswith("parse_"):
            candidates = node.args[:2]
        elif name == "get" and isinstance(function, ast.Attribute) and _is_query(function.value):
            candidates = node.args[:1]
    elif isinstance(node, ast.Subscript) and _is_query(node.value):
        candidates = [node.slice]
    elif isinstance(node, ast.Compare) and any(_is_query(each) for each in node.comparators):
        candidates = [node.left]
    texts = [each.value for each in candidates if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return next((text for text in texts if PARAMETER.fullmatch(text)), None)


def _is_query(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):  # parse_fields(query).get("action")
        node = node.func
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in QUERIES or name == "parse_fields"
