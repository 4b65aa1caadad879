"""Class names: their order, and whether all splits know the same ones."""

import re

from textlstm.data.label_sets import class_names, is_multi_label, shown_label
from textlstm.data.source import Frames
from textlstm.errors import UserError


def sort_labels(labels: set[str]) -> list[str]:
    """Class names in order; by number where all are whole numbers (so that 10 follows 9)."""
    if all(re.fullmatch("-?[0-9]+", label) for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)


def check_labels(frames: Frames, label_names: list[str], trained: str = "the training split") -> None:
    """Raise for one class only, for one set of labels only, and for a class that training has not seen."""
    if len(label_names) < 2:
        what = (
            f"All training texts have the label '{label_names[0]}'" if label_names else "No training text has a label"
        )
        if label_names and not all(frames["train"]["label"].map(bool)):
            what = f"'{label_names[0]}' is the only label of the training texts"
        raise UserError(f"{what}.\nA classifier needs at least two classes: check dataset.label_column.")
    if "train" in frames and is_multi_label(frames["train"]) and frames["train"]["label"].nunique() == 1:
        raise UserError(
            f"All training texts have the same labels: {shown_label(frames['train']['label'].iloc[0])}.\n"
            "There is nothing to learn: check dataset.label_column."
        )
    for split, frame in frames.items():
        unknown = sorted(class_names(frame) - set(label_names))
        if unknown:
            shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
            known = ", ".join(label_names[:8]) + (" ..." if len(label_names) > 8 else "")
            raise UserError(
                f"The {split} split has labels that are not among {trained}: {shown}.\n"
                f"Known: {known}.\nRelabel or remove those rows, or add training texts for them."
            )
