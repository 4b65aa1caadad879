"""How far a long input has come, for somebody who watches standard error and sends the answers elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[[int, int], None]


@contextmanager
def watch(total_bytes: int | None) -> Iterator[Advance]:
    """A function to be called with the texts and bytes of each chunk; it draws nothing before the second one.

    Nothing at all where standard error is no terminal, or standard output is the same one: a bar would run
    through the answers.
    """
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda *_: None
        return
    columns = (TextColumn("{task.fields[texts]:,} texts"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=total_bytes, texts=0)
    chunks = texts_so_far = 0

    def advance(texts: int, size: int) -> None:
        nonlocal chunks, texts_so_far
        chunks, texts_so_far = chunks + 1, texts_so_far + texts
        bar.update(task, advance=size, texts=texts_so_far)
        if chunks == 2:
            bar.start()

    try:
        yield advance
    finally:
        if chunks >= 2:
            bar.stop()
