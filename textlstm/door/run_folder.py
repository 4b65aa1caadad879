"""The folder of one run: its name, and whether it is finished."""

import secrets
from datetime import datetime
from functools import cache
from pathlib import Path

REPORT = "report.json"


@cache
def run_name() -> str:
    """<time>-<short random hash>: one for the life of the process, never that of another."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(4)}"


def is_finished(folder: Path) -> bool:
    """Whether the run wrote its report, which comes last and by rename."""
    return (folder / REPORT).is_file()
