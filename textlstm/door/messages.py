"""What Hydra still finds wrong, in our words. Names and grammar were checked before (`arguments`)."""

import re

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
