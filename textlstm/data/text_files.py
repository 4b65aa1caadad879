"""Bytes to text: UTF-8, with a message that names the first byte that is not."""

from pathlib import Path

from textlstm.errors import UserError


def read_text(file: Path, fallback_encoding: str | None = None) -> str:
    """The text of a file, without a byte order mark; raise `UserError` for bytes that are not UTF-8."""
    raw = file.read_bytes()
    try:
        # Not "utf-8-sig", whose errors count from behind the mark.
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if fallback_encoding:
            return raw.decode(fallback_encoding)
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(
            f"{file} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start} (line {line}).\n"
            f"Convert it first: iconv -f LATIN1 -t UTF-8 '{file}' > utf8-file (with its real encoding in place of LATIN1)."
        ) from error


def is_utf8(text: str) -> bool:
    """Whether a text can be written; bytes that were no UTF-8 reach Python as half characters, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
