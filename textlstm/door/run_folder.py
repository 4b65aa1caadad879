"""The folder of one run: its name, what it was started with, whether it is finished."""

import secrets
import shutil
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from textlstm.errors import UserError
from textlstm.files import write_atomically

REPORT = "report.json"

MOVED = {"textlstm.data.words.WordsTokenizer": "textlstm.data.tokenizers.words.WordsTokenizer"}
"""Classes that stored configurations call by an earlier name."""


@cache
def run_name() -> str:
    """<time>-<short random hash>: one for the life of the process, never that of another."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(4)}"


def is_finished(folder: Path) -> bool:
    """Whether the run wrote its report, which comes last and by rename."""
    return (folder / REPORT).is_file()


def load_stored_config(run: Path) -> dict[str, Any]:
    """The configuration that a run was started with."""
    config = _load_yaml(run / ".hydra" / "config.yaml")
    if not isinstance(config, dict) or not isinstance(config.get("dataset"), dict):
        raise UserError(
            f"{run}/.hydra/config.yaml is damaged: it holds no configuration.\nCopy the run again, or train anew."
        )
    for section in config.values():
        if isinstance(section, dict) and section.get("_target_") in MOVED:
            section["_target_"] = MOVED[section["_target_"]]
    return config


def store_config(run: Path, config: dict[str, Any]) -> None:
    """Replace the configuration that a run goes on with."""
    write_atomically(run / ".hydra" / "config.yaml", yaml.safe_dump(config, sort_keys=False))


def load_stored_overrides(run: Path) -> list[str]:
    """What was given on the command line when a run was started."""
    overrides = _load_yaml(run / ".hydra" / "overrides.yaml")
    if not isinstance(overrides, list):
        raise UserError(
            f"{run}/.hydra/overrides.yaml is damaged: it holds no list.\nCopy the run again, or train anew."
        )
    return [str(override) for override in overrides]


def _load_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return None


def forget_unused(run: Path) -> None:
    """Remove a folder in which nothing but Hydra's own files stands, and its parents if that emptied them."""
    if run.resolve() == Path.cwd() or not run.is_dir() or not {path.name for path in run.iterdir()} <= {".hydra"}:
        return
    shutil.rmtree(run)
    for parent in (run.parent, run.parent.parent):
        if parent.resolve() == Path.cwd() or any(parent.iterdir()):
            return
        parent.rmdir()
