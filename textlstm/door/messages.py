"""What Hydra and the file system find wrong, in our words. Names and grammar were checked before (`arguments`)."""

import re
from pathlib import Path

from rich.console import Console

from textlstm.errors import UserError


def translate(error: Exception) -> UserError:
    """A message for a person from an error of Hydra or OmegaConf."""
    if match := re.search(r"Could not override '(\S+?)'|Key '(\S+?)' is not in struct", str(error)):
        return UserError(
            f"'{match.group(1) or match.group(2)}' is not a setting.\nHydra's own are listed by: python train.py --hydra-help"
        )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [
        line
        for line in lines
        if not re.match(r"(full_key|object_type|reference_type|set the env|see http)", line, re.I)
    ]
    # Hydra's advice to add a + must not reach anyone: what is not there is a mistake.
    kept = [line for line in kept if "+" not in line]
    return UserError("\n".join(kept[:3]) or type(error).__name__)


def in_words(error: OSError, config_name: str) -> Exception:
    """What a file system refused; an error without a file is a fault of ours and stays as it is."""
    if error.filename is None or Path(str(error.filename)).suffix == ".py":
        return error
    place = (
        "Choose another place: output_dir=DIR." if config_name == "config" else "An evaluation is written into its run."
    )
    return UserError(f"{error.filename} cannot be read or written: {error.strerror}.\n{place}")


def say(message: str) -> None:
    """To stderr, as it is: no markup, no line broken."""
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(message)


def say_failed(run: str, error: str) -> None:
    """A run of a study that cannot be carried out, or did not come to its end."""
    say(f"Failed: {run}\n{error}")
