"""Hydra's errors in our words: its advice to add a `+` would hide a misspelt setting."""

import re

from textlstm.door.settings import all_names, unknown_setting
from textlstm.errors import UserError


def translate(error: Exception, known: list[str] | None = None) -> UserError:
    """A message for a person from an error of Hydra or OmegaConf."""
    text = str(error)
    if match := re.search(r"(?:Could not override|Could not append to config.*key|Key) '(\S+?)'", text):
        return UserError(unknown_setting(match.group(1).lstrip("+"), known or all_names()))
    if match := re.search(r"In '[^']*': Could not find '([^']+)/([^'/]+)'", text):
        return UserError(f"{match.group(1)}={match.group(2)} is not known.\n{_choices(text)}")
    if match := re.search(r"Key '(\S+?)' is not in struct", text):
        return UserError(unknown_setting(match.group(1), known or all_names()))
    if "LexerNoViableAltException" in text or "mismatched input" in text or "parsing override" in text.lower():
        first = text.splitlines()[0]
        return UserError(
            f"{first}\nSettings are given as name=value; put quotes round a value with special characters: \"name='a=b'\"."
        )
    lines = [line for line in text.splitlines() if line.strip() and "HYDRA_FULL_ERROR" not in line and "+" not in line]
    return UserError("\n".join(lines[:3]) or type(error).__name__)


def _choices(text: str) -> str:
    _, _, listed = text.partition("Available options in")
    names = [line.strip() for line in listed.splitlines()[1:] if line.startswith("\t")]
    return "Allowed: " + ", ".join(names) + "."
