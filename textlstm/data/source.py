"""What every source of data has in common: which columns, how it is split, how repeats are treated."""

from abc import abstractmethod
from typing import Literal

import pandas as pd
from pydantic import Field

from textlstm.errors import UserError
from textlstm.section import Section

SPLITS = ("train", "validation", "test")

Frames = dict[str, pd.DataFrame]
"""Split name -> frame with the columns `text` and `label`."""


class DatasetSource(Section):
    """Where texts and labels come from, and how they are divided into three splits."""

    name: str = Field(
        pattern=r"^\w[\w.-]*$",
        description="name of the data set, in letters, digits, _ . and -; names the folder of its runs",
    )
    text_column: str = Field("text", min_length=1, description="column that holds the text")
    label_column: str = Field("label", min_length=1, description="column that holds the class")
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="share of all training rows set aside for validation, if none is given"
    )
    test_share: float = Field(
        0.2, gt=0, lt=1, description="share of all training rows set aside as test, if none is given"
    )
    split_seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of the split; `seed` never changes it")
    deduplicate: Literal["exact", "none"] = Field(
        "none", description="`exact` removes repeated texts before a split is made, or from train if splits are given"
    )

    @abstractmethod
    def read(self) -> Frames:
        """Read the splits that exist; raise `UserError` for what cannot be read."""

    def select_columns(self, frame: pd.DataFrame, where: str) -> pd.DataFrame:
        """Give `frame` the columns `text` and `label`, both strings; say which are there if one is missing."""
        for column in (self.text_column, self.label_column):
            if list(frame.columns).count(column) > 1:
                raise UserError(f"{where} has two columns named '{column}'.\nRename one of them.")
            if column not in frame.columns:
                raise UserError(
                    f"{where} has no column '{column}'.\nIt has: {', '.join(map(str, frame.columns))}.\n"
                    "Set dataset.text_column and dataset.label_column to two of them."
                )
        # As objects: categories and nullable types have rules of their own for what may be put into them.
        texts, labels = frame[self.text_column].astype(object), frame[self.label_column].astype(object)
        if self.text_column == self.label_column:
            raise UserError(
                f"dataset.text_column and dataset.label_column are both '{self.text_column}'.\n"
                "The text and its class must be two columns."
            )
        unlabelled = labels.isna() | (labels.astype(str).str.strip() == "")
        if unlabelled.any():
            first = int(unlabelled.to_numpy().argmax()) + 1
            raise UserError(
                f"{where}: {int(unlabelled.sum())} row(s) have no label in '{self.label_column}'; the first is row {first}.\n"
                "Every row needs a class. Label these rows or remove them."
            )
        written = ["" if missing else str(text) for text, missing in zip(texts, texts.isna(), strict=True)]
        for number, text in enumerate(written, start=1):
            if not _is_text(text):
                raise UserError(
                    f"{where}: row {number} holds half of a character (a lone surrogate).\nRepair or remove it."
                )
        return pd.DataFrame({"text": written, "label": [_label_text(label) for label in labels]})


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _label_text(label: object) -> str:
    """A class name; a whole float (pandas' reading of a column of integers with gaps) loses its `.0`."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label).strip()
