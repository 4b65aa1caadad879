"""The border to Hydra and the command line: nothing below the entry scripts sees either.

`entry` turns a function of checked settings into a Hydra program whose errors are for people.
"""

from textlstm.door.entry import entry

__all__ = ["entry"]
