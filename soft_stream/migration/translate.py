"""The translation of one camera of an older program into settings."""

import re
from collections.abc import Iterable

from soft_stream.config.settings import SETTINGS
from soft_stream.migration.arguments import Given
from soft_stream.migration.camera_ids import NO_ID, Untranslatable
from soft_stream.migration.conversions import convert
from soft_stream.migration.facts import apply_facts, open_to_network
from soft_stream.migration.machine import Machine
from soft_stream.migration.model import OlderCamera, Translation
from soft_stream.migration.rules import Rule, Section, Takes, program
from soft_stream.migration.source_facts import apply_source_facts

UNKNOWN_VARIABLE = re.compile(r"\$\{?\w+\}?")


def translate(older: OlderCamera, machine: Machine) -> Translation:
    """Return the settings of one camera; what is not translated is in the notes."""
    done = Translation(older)
    for text in older.notes:
        done.note(text)
    for given in older.given:
        _translate(given, done, machine)
    needs_id = "index" in done.facts and not done.values.get("id")
    if needs_id and (found := machine.id_at(int(done.facts["index"][-1]))):
        done.values["id"] = found
    for name, text in older.defaults.items():
        if name.startswith("@") and name[1:] not in done.facts:
            done.set(name, text, "")
        elif name in SETTINGS and name not in done.tried:
            done.set(name, _default(name, text, machine), f"{name}={text}")
            done.defaulted.add(name)
    apply_source_facts(done, machine)
    apply_facts(done)
    if done.controls:
        done.set("controls", " ".join(f"{name}={value}" for name, value in done.controls.items()), "controls")
    open_to_network(done)
    return done


def _default(name: str, text: str, machine: Machine) -> str:
    return convert("picamera2_quality", text, (), machine)[0] if name == "quality" else text


def _translate(given: Given, done: Translation, machine: Machine) -> None:
    rule = given.rule
    if rule is None:
        done.note(f"{given}: {done.older.program} has no such option")
        return
    if rule.by[0] in ("parts", "input"):  # read by the program's own module
        return
    if rule.reason:
        done.note(f"{given}: {rule.reason}")
        return
    value = _value(given, rule)
    if value is None:
        done.note(f"{given}: its value is missing")
        return
    done.tried.update(name for name in rule.to if name in SETTINGS)
    if not value.strip() and rule.value is None and rule.by[0] != "all_if_empty":
        if rule.to != ("id",):
            done.note(f"{given}: its value is empty")
        return
    if UNKNOWN_VARIABLE.search(value) and not rule.secret:
        done.note(f"{given}: the value of the variable is not known here", next(iter(rule.to), ""))
        return
    if rule.by[0] == "control":
        _translate_controls(given, value, done, machine)
    else:
        _convert(rule, value, given, done, machine)


def _value(given: Given, rule: Rule) -> str | None:
    if rule.takes == Takes.NOTHING:
        return rule.value or ""
    if given.value is None and rule.takes == Takes.MAYBE:
        return "1" if rule.value is None else rule.value
    return given.value


def _convert(rule: Rule, value: str, written: object, done: Translation, machine: Machine) -> None:
    if rule.takes == Takes.NOTHING:
        texts = [value]
    else:
        try:
            texts = convert(rule.by[0], value, rule.by[1:], machine)
        except Untranslatable as problem:
            done.note(f"{written}: {problem}", "id" if NO_ID in str(problem) else "")
            return
    for name, text in zip(rule.to, texts, strict=False):
        if text or name == "@login":
            done.set(name, text, written)


def _translate_controls(given: Given, value: str, done: Translation, machine: Machine) -> None:
    """Translate `name=value`, or several with commas between them, by the table of libcamera's controls."""
    section: Section = program("libcamera").sections[done.older.controls]
    for part in _control_parts(value):
        name, equals, text = part.partition("=")
        rule = section.rule("".join(each for each in name.lower() if each.isalnum()))
        written = f"{given.written} {part.strip()}"
        if not equals or not text.strip():
            done.note(f"{written}: not NAME=VALUE")
        elif rule is None and done.older.controls == "v4l2":
            done.note(
                f"{written}: the unit is that of the camera's driver: cam_source=v4l2 with cam_controls={part.strip()} "
                "takes it; /controls.json lists libcamera's controls"
            )
        elif rule is None:
            done.note(f"{written}: no control with this name is known; /controls.json lists those of the camera")
        else:
            _convert(rule, text.strip(), written, done, machine)


def _control_parts(value: str) -> Iterable[str]:
    """Split at the commas before a `name=`: some values have commas, too."""
    return [part for part in re.split(r"[,\s]+(?=[A-Za-z][\w ]*=)", value.strip(" ,")) if part.strip()]
