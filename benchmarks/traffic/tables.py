"""The tables of docs/compatibility.md: a row for each program, camera-soft-stream first."""

import re
from collections.abc import Callable, Iterable, Mapping

from facts import Answer, pieces
from peers import CACHE_BUSTER, DASHBOARD, NUMBERED_KEY, OLDER_URLS, OTHER_REQUESTS, PARTS, Peer
from wire import Exchange, Recording

CACHING = ("Cache-Control", "Pragma", "Expires", "Age")
CORS = "Access-Control-Allow-Origin"
# these headers are in every response, and the others have their own columns
IN_OTHER_COLUMNS = {"date", "server", "content-type", "content-length", "connection", CORS.lower()}
IN_OTHER_COLUMNS |= {name.lower() for name in CACHING}
NO_URL = "no such URL"

Recordings = Mapping[Peer, Recording]
Column = Callable[[Recording], str]


def tables(recordings: Recordings, older_urls: Mapping[str, Exchange]) -> str:
    """Return all tables as Markdown; `older_urls` are our responses at the URLs of older programs."""
    with_snapshot = {peer: recording for peer, recording in recordings.items() if peer.snapshot}
    return "\n".join(
        [
            _table("What was asked", recordings, ASKED),
            _table("The head of a stream", recordings, STREAM_HEAD),
            _table(PARTS, recordings, PARTS_COLUMNS),
            _table("A snapshot", with_snapshot, SNAPSHOT),
            _table(OTHER_REQUESTS, recordings, OTHERS),
            _older_urls(older_urls),
        ]
    )


def _table(title: str, recordings: Recordings, columns: dict[str, Column]) -> str:
    rows = [
        [peer.name, *(column(recording) for column in columns.values())]
        for peer, recording in recordings.items()
        if peer.differs_in in ("", title)
    ]
    return _markdown(title, ["", *columns], rows)


def _older_urls(answers: Mapping[str, Exchange]) -> str:
    rows = [
        [program, f"`{url}`", _outcome(Answer(answers[url]))] for program, urls in OLDER_URLS.items() for url in urls
    ]
    return _markdown("URLs of older programs, asked here", ["", "`GET`", "answer"], rows)


def _markdown(title: str, head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    return f"### {title}\n\n" + "\n".join(lines) + "\n"


def _answer(recording: Recording, name: str) -> Answer:
    return Answer(recording.exchanges[name])


def _of_snapshot(tell: Callable[[Answer], str], name: str = "snapshot") -> Column:
    def column(recording: Recording) -> str:
        return tell(_answer(recording, name)) if name in recording.exchanges else NO_URL

    return column


def _of_stream(tell: Callable[[Answer], str], name: str = "stream") -> Column:
    return lambda recording: tell(_answer(recording, name))


def _url(name: str) -> Column:
    def column(recording: Recording) -> str:
        return _code(recording.exchanges[name].request.split()[1]) if name in recording.exchanges else "none"

    return column


def _code(text: str) -> str:
    return f"`{text}`" if text else "none"


def _header(name: str) -> Callable[[Answer], str]:
    return lambda answer: _code(answer.head.get(name))


def _caching(answer: Answer) -> str:
    told = [f"`{name}: {answer.head.get(name)}`" for name in CACHING if answer.head.get(name)]
    return ", ".join(told) or "none"


def _server(answer: Answer) -> str:
    """Remove the versions of programs, which differ between machines."""
    return _code(re.sub(r"/[\d.]+", "", answer.head.get("Server")))


def _names(headers: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"`{name}`" for name, _ in headers) or "none"


def _other_headers(answer: Answer) -> str:
    return _names(each for each in answer.head.headers if each[0].lower() not in IN_OTHER_COLUMNS)


def _length(answer: Answer) -> str:
    told = answer.head.get("Content-Length")
    if not told:
        return "none"
    return "right" if int(told) == len(answer.body) else f"wrong: {told} for {len(answer.body)} bytes"


def _part_length(answer: Answer) -> str:
    told, is_long = answer.lengths
    if not told:
        return "none"
    return "right" if int(told) == is_long else f"**wrong**: {told} for {is_long} bytes"


def _outcome(answer: Answer) -> str:
    """Return the outcome of a request in one or two words."""
    if not answer:
        return "closed without an answer"
    kind = answer.head.get("Content-Type").split(";")[0]
    what = "the stream" if answer.pictures and answer.is_stream else kind if answer.body else "no body"
    return f"{answer.head.status}, {what}"


def _preflight(answer: Answer) -> str:
    told = _names(each for each in answer.head.headers if each[0].lower().startswith(("access-control-", "allow")))
    return f"{_outcome(answer)}; {told}" if answer and told != "none" else _outcome(answer)


ASKED: dict[str, Column] = {
    "version": lambda recording: recording.version or "this one",
    "stream": _url("stream"),
    "snapshot": _url("snapshot"),
}
STREAM_HEAD: dict[str, Column] = {
    "asked with HTTP/1.1": _of_stream(lambda answer: _code(answer.head.status_line)),
    "with HTTP/1.0": _of_stream(lambda answer: _code(answer.head.status_line), "stream, HTTP/1.0"),
    "`Content-Type`": _of_stream(_header("Content-Type")),
    "caching": _of_stream(_caching),
    f"`{CORS}`": _of_stream(_header(CORS)),
    "`Connection`": _of_stream(_header("Connection")),
    "`Transfer-Encoding`": _of_stream(_header("Transfer-Encoding")),
    "`Server`": _of_stream(_server),
    "others": _of_stream(_other_headers),
}
PARTS_COLUMNS: dict[str, Column] = {
    "the body begins with": _of_stream(lambda answer: _code(answer.body.splitlines()[0].decode("latin-1"))),
    "before the first picture is there": _of_stream(lambda answer: pieces(answer.well_before_first)),
    "headers of a part": _of_stream(lambda answer: _names(answer.part_headers)),
    "`Content-Length`": _of_stream(_part_length),
    "the end of a picture comes": _of_stream(
        lambda answer: "with its beginning" if answer.is_whole_at_once else "**with the next picture**"
    ),
    "between two pictures": _of_stream(lambda answer: pieces(answer.between)),
    "of that at once, not with the next picture": _of_stream(lambda answer: pieces(answer.soon_after_first)),
}
SNAPSHOT: dict[str, Column] = {
    "status line": _of_snapshot(lambda answer: _code(answer.head.status_line)),
    "`Content-Type`": _of_snapshot(_header("Content-Type")),
    "`Content-Length`": _of_snapshot(_length),
    "caching": _of_snapshot(_caching),
    f"`{CORS}`": _of_snapshot(_header(CORS)),
    "`Connection`": _of_snapshot(_header("Connection")),
    "others": _of_snapshot(_other_headers),
}
OTHERS: dict[str, Column] = {
    "`HEAD` of the stream": _of_stream(_outcome, "HEAD stream"),
    "`HEAD` of the snapshot": _of_snapshot(_outcome, "HEAD snapshot"),
    f"`OPTIONS`, `Origin: {DASHBOARD}`": _of_stream(_preflight, "OPTIONS"),
    f"`{CORS}` for that origin": _of_stream(_header(CORS), "other origin"),
    "`/nothing-here`": _of_stream(_outcome, "wrong path"),
    f"snapshot with `{CACHE_BUSTER}`": _of_snapshot(_outcome, "cache buster"),
    f"with `{NUMBERED_KEY}`": _of_snapshot(_outcome, "numbered key"),
    "a second snapshot within a second": _of_snapshot(_outcome, "snapshot again"),
}
