"""Copies of texts in words and rows, for the terminal and the page: `data.duplicates` and `data.groups` of a report."""

from collections.abc import Mapping
from typing import Any

KINDS = ("exact", "near", "label_conflicts")
STATES = {"given": "as read", "used": "as used"}


def copies_lines(duplicates: Mapping[str, Any] | None) -> list[str]:
    """A line on the data as read and one on the splits as used; a single one where no text has a copy."""
    if not duplicates:
        return []
    lines = {words: copies_line(duplicates[state]) for state, words in STATES.items()}
    if not any(lines.values()):
        return ["none, exact or near, inside of a split or across splits"]
    return [f"{words}: {line or 'none'}" for words, line in lines.items()]


def copies_line(counts: Mapping[str, Any]) -> str:
    """What there is, `train 96 exact + 12 near, test in train 123 exact`; nothing where there is none."""
    parts = [(split, row) for split, row in counts["inside"].items()]
    parts += [(f"{row['split']} in {row['other']}", row) for row in counts["across"]]
    told = [f"{name} {found}" for name, row in parts if (found := found_copies(row))]
    if conflicts := sum(row["label_conflicts"] for _, row in parts):
        told.append(f"{conflicts:,} label conflict{'s' if conflicts > 1 else ''}")
    return ", ".join(told)


def found_copies(row: Mapping[str, Any]) -> str:
    """`96 exact + 12 near`, without what there is none of."""
    return " + ".join(f"{row[kind]:,} {kind}" for kind in ("exact", "near") if row[kind])


def copies_rows(duplicates: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """A row for each split and each two: `name`, and `counts` by `KINDS`, as read and then as used (None: no such split then)."""
    if not duplicates:
        return []
    read, used = (dict(named(duplicates[state])) for state in STATES)
    return [
        {
            "name": name,
            "counts": [part[name][kind] if name in part else None for part in (read, used) for kind in KINDS],
        }
        for name in {**used, **read}
    ]


def named(counts: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every row of counts with what it is about."""
    inside = [(f"inside {split}", row) for split, row in counts["inside"].items()]
    return inside + [(f"{row['split']} texts in {row['other']}", row) for row in counts["across"]]


def groups_line(groups: Mapping[str, Any]) -> str:
    """How many groups and which share of the texts each split has."""
    shares = [
        f"{split} {part['groups']:,} ({100 * part['share']:.1f}% of the texts)"
        for split, part in groups["splits"].items()
    ]
    return f"of '{groups['column']}': {', '.join(shares)}"
