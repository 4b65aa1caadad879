"""The border to Hydra and the command line: nothing below the entry scripts sees either.

`entry` turns functions of checked settings into a Hydra program whose errors are for people, and
which carries out one run or a study of many.
"""

from textlstm.door.entry import entry
from textlstm.door.prepared import Prepared
from textlstm.door.program import FailedRun

__all__ = ["FailedRun", "Prepared", "entry"]
