"""Vectors of every token of texts that were computed beforehand: in memory, or in a file that is mapped."""

from pathlib import Path
from typing import Any

import numpy as np


class TextFeatures:
    """values: [tokens of all texts, ...], the texts one behind the other, or the .npy file with them.

    starts, lengths: int64 [N], where each text begins and how many tokens it has. A file is opened when the first text
    is asked for, and never pickled.
    """

    def __init__(self, values: np.ndarray | Path, starts: np.ndarray, lengths: np.ndarray) -> None:
        self.values, self.starts, self.lengths = values, starts, lengths
        self._mapped: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> np.ndarray:
        """[T, ...] of a text."""
        if self._mapped is None:
            self._mapped = np.load(self.values, mmap_mode="r") if isinstance(self.values, Path) else self.values
        return self._mapped[self.starts[index] : self.starts[index] + self.lengths[index]]

    def subset(self, indices: np.ndarray) -> "TextFeatures":
        """Those of the texts at `indices`, in that order; the values are shared."""
        return TextFeatures(self.values, self.starts[indices], self.lengths[indices])

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_mapped": None}
