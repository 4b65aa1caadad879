"""Lines as they come: in chunks that a batch is made of, and at once where no more is waiting."""

import os
import select
import sys
from collections.abc import Iterator

from textlstm.errors import UserError

BLOCK = 1 << 16
CHUNK = 4096
"""Lines that are classified together, so that texts of similar length can share a batch."""
CHUNK_BYTES = 1 << 23
LONGEST = 1 << 24
"""Bytes of a line: what has no line ends is no file of texts, and would fill the memory."""
PATIENCE = 0.05
"""Seconds that a pipe may pause before what it has brought is answered."""


def read_chunks(descriptor: int) -> Iterator[list[bytes]]:
    """Lists of lines, without their ends, of about `CHUNK`; the input is never held as a whole.

    Raises `UserError` for a line longer than `LONGEST`.
    """
    rest, lines, held, number = b"", [], 0, 0
    while block := os.read(descriptor, BLOCK):
        *complete, rest = (rest + block).split(b"\n")
        lines += complete
        held += len(block)
        if len(rest) > LONGEST:
            raise UserError(
                f"Line {number + len(lines) + 1} is longer than {LONGEST >> 20} MiB.\nThe input must be lines, a text each."
            )
        if lines and (len(lines) >= CHUNK or held >= CHUNK_BYTES or not _more_is_waiting(descriptor)):
            yield lines
            number += len(lines)
            lines, held = [], 0
    if rest:
        lines.append(rest)
    if lines:
        yield lines


def _more_is_waiting(descriptor: int) -> bool:
    """Whether a read would give something soon; the end of the input counts as something."""
    if sys.platform == "win32":  # there select takes sockets alone
        return False
    ready, _, _ = select.select([descriptor], [], [], PATIENCE)
    return bool(ready)
