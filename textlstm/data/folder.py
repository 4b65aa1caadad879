"""A folder a class, a file a text: `DIR/<class>/<anything>.txt`, or the same below `train/`, `test/`."""

from pathlib import Path

import pandas as pd
from pydantic import Field

from textlstm.data.source import SPLITS, DatasetSource, Frames
from textlstm.data.text_files import read_text
from textlstm.errors import UserError


class FolderSource(DatasetSource):
    """Texts as files, classes as folders; optionally under folders named train, validation, test."""

    path: str | None = Field(None, description="folder with a sub-folder for each class")

    def read(self) -> Frames:
        """The splits that have a folder of their own, or one frame to be split."""
        self.refuse_columns("a folder has one text a file, and no columns")
        if not self.path:
            raise UserError(
                "dataset=folder needs a folder.\nGive it: dataset.path=DIR, with a sub-folder for each class."
            )
        root = Path(self.path)
        if not root.is_dir():
            raise UserError(
                f"dataset.path={self.path} is not a folder.\nGive a folder with a sub-folder for each class."
            )
        folders = {path.name for path in root.iterdir() if path.is_dir()}
        if "train" in folders or (folders and folders <= set(SPLITS)):
            return {split: read_class_folders(root / split) for split in SPLITS if split in folders}
        return {"train": read_class_folders(root)}


def read_class_folders(root: Path, fallback_encoding: str | None = None) -> pd.DataFrame:
    """Read `root/<class>/<file>` in sorted order into the columns `text` and `label`.

    Raises `UserError` where there is no class folder, no file, or a file that is not UTF-8 text.
    """
    classes = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise UserError(f"{root} has no sub-folders.\nPut the texts of each class into a folder named after it.")
    rows = []
    for folder in classes:
        for file in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
            rows.append({"text": read_text(file, fallback_encoding), "label": folder.name})
    if not rows:
        raise UserError(f"{root} holds class folders but no file.\nPut one text a file into them.")
    return pd.DataFrame(rows)
