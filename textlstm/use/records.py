"""A line of the input as a text: the line itself, or the `text` of a JSON object (with `text_pair` for a pair), whose
other keys come out again.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from textlstm.data.text_files import is_utf8
from textlstm.errors import UserError
from textlstm.use.classify import Text

JSON_SUFFIXES = (".jsonl", ".json")
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
OURS = ("label", "labels", "probabilities")
"""Keys that a prediction writes; a record's own of these names come out as `given_label` and so on."""


@dataclass(frozen=True)
class Record:
    """A text, or a pair of them, and what else its line held."""

    text: Text
    others: dict[str, Any] = field(default_factory=dict)


def is_json(path: Path | None, first_line: bytes) -> bool:
    """Whether lines are JSON: by the file's suffix, else by the first character of all."""
    suffix = path.suffix.lower() if path else ""
    return suffix in JSON_SUFFIXES or (suffix != ".txt" and first_line.removeprefix(b"\xef\xbb\xbf").startswith(b"{"))


def parse_line(line: bytes, number: int, *, as_json: bool, pairs: bool = False) -> Record:
    """One line, for `pairs` with two texts; raise `UserError`, which names it, for an empty one, for what is not UTF-8 and for other JSON."""
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        content = line.decode().strip()
    except UnicodeDecodeError as error:
        raise UserError(
            f"Line {number} is not UTF-8: byte 0x{line[error.start]:02x} at its offset {error.start}.\n"
            "Convert the texts first: iconv -f LATIN1 -t UTF-8 (with their real encoding in place of LATIN1)."
        ) from error
    if not content:
        raise UserError(f"Line {number} is empty.\nGive a text a line: leave out empty lines.")
    if pairs and not as_json:
        raise UserError(
            f'Line {number} is one text, and the checkpoint reads pairs.\nGive JSON lines: {{"text": "...", "text_pair": "..."}}.'
        )
    return _parse_json(content, number, pairs=pairs) if as_json else Record(content)


def _parse_json(content: str, number: int, *, pairs: bool) -> Record:
    try:
        record = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f'Line {number} is no JSON: {error}.\nGive an object a line, {{"text": "..."}}; for lines of text use a file named *.txt.'
        ) from error
    names = ("text", "text_pair") if pairs else ("text",)
    shape = "{" + ", ".join(f'"{name}": "..."' for name in names) + "}"
    for name in names:
        if not isinstance(record, dict) or not isinstance(record.get(name), str):
            raise UserError(
                f'Line {number} has no "{name}" that is a string{", and the checkpoint reads pairs" if pairs else ""}.\nGive an object a line: {shape}.'
            )
        if not record[name].strip():
            raise UserError(f"Line {number} has an empty {name}.\nGive at least one word, or leave the line out.")
        if not is_utf8(record[name]):
            raise UserError(f"Line {number} has half a character (a lone surrogate).\nCorrect the text.")
    texts = [record.pop(name) for name in names]
    others = {f"given_{key}" if key in OURS else key: value for key, value in record.items()}
    return Record((texts[0], texts[1]) if pairs else texts[0], others)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def format_record(record: Record, prediction: dict[str, Any]) -> bytes:
    """The line that comes out: what was carried over, then `label` (or `labels`) and `probabilities`."""
    line = json.dumps(record.others | prediction, ensure_ascii=False) + "\n"
    # Half a character in what is carried over becomes the escape that it was.
    return line.encode("utf-8", "backslashreplace")
