"""Which setting a study is about, read from what differs between its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textlstm.errors import UserError
from textlstm.study.crossed import REGULARIZATION, Second, drawn_settings, find_second
from textlstm.study.differences import determines, differing_settings, grouped, key, order, values_of
from textlstm.study.runs import Run, is_about_execution

DEPTH = "model.layers"
SPLIT_SEED = "dataset.split_seed"


@dataclass(frozen=True)
class Level:
    """The runs with one value of the factor, by seed."""

    value: Any
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Factor:
    """What a study compares. `along` are settings that change with it, by name the value at each level.

    Levels mix the values of `second`, a setting crossed with this one, until `slice_at` picks one; and
    those of `drawn`, settings drawn at random for each run.
    """

    name: str
    levels: tuple[Level, ...]
    along: dict[str, list[Any]]
    shared: dict[str, Any]
    split_seeds: tuple[Any, ...]
    second: Second | None = None
    drawn: tuple[str, ...] = ()

    @property
    def runs(self) -> list[Run]:
        """Those of all levels."""
        return [run for level in self.levels for run in level.runs]


def find_factor(runs: Sequence[Run], *, name: str | None = None) -> Factor:
    """Group `runs` into levels of `name`, or of the one setting that they are about.

    That is `model.layers` where it differs, else the setting that determines all others that differ:
    `regularization` where that is one of them. One more setting may be crossed with it, or several drawn at
    random, see `crossed.py`. A `UserError` asks for a name where several could be meant, and refuses more.
    """
    differing = differing_settings(runs)
    split_seeds = tuple(differing.pop(SPLIT_SEED, ())) if name != SPLIT_SEED else ()
    drawn = drawn_settings(runs, list(differing), DEPTH) if name in (None, DEPTH) else ()
    name = name or (DEPTH if drawn else _choose(runs, differing))
    if name not in differing and any(name not in run.config for run in runs):
        raise UserError(
            f"factor={name} is no setting of these runs.\n{_list(differing)} differ between them.\nName one of these."
        )
    levels = tuple(
        sorted(
            (
                Level(same[0].config.get(name), tuple(sorted(same, key=_by_seed)))
                for same in grouped(runs, name).values()
            ),
            key=lambda level: order(level.value),
        )
    )
    others = [other for other in differing if other != name]
    crossed = [other for other in others if any(len(values_of(level.runs, other)) > 1 for level in levels)]
    second = find_second([level.runs for level in levels], crossed) if crossed and not drawn else None
    if crossed and not drawn and second is None:
        raise UserError(
            f"{name} is not the only setting that varies: {_list(crossed)} differ within its levels.\nA study compares one setting, or two that are crossed; others may only change with them.\nGive a part of the runs, or name another factor=."
        )
    along = {other: [level.runs[0].config.get(other) for level in levels] for other in others if other not in crossed}
    return Factor(name, levels, along, _shared(runs[0], {name, *others}, split_seeds), split_seeds, second, drawn)


def slice_at(factor: Factor, value: Any) -> Factor:
    """The runs with one value of the second setting, compared by the same factor."""
    assert factor.second is not None
    name = factor.second.name
    return find_factor([run for run in factor.runs if key(run.config.get(name)) == key(value)], name=factor.name)


def level_name(factor: Factor, place: int) -> str:
    """In words: depth 2, training.learning_rate=0.001."""
    return value_name(factor, factor.levels[place].value)


def value_name(factor: Factor, value: Any) -> str:
    """`level_name` of the level with this value."""
    return f"depth {value}" if factor.name == DEPTH else f"{factor.name}={value}"


def _choose(runs: Sequence[Run], differing: Mapping[str, Any]) -> str:
    """The setting the study is about; depth where nothing differs."""
    if DEPTH in differing or not differing:
        return DEPTH
    ruling = [name for name in differing if determines(runs, name, list(differing))]
    if REGULARIZATION in ruling or (REGULARIZATION in differing and not ruling):
        return REGULARIZATION
    if not ruling or (len(differing) > 1 and len(ruling) > 1):
        raise UserError(
            f"{_list(differing)} differ between the runs.\nA study is about one setting.\nName it: factor={next(iter(differing))}."
        )
    return ruling[0]


def _shared(run: Run, differing: set[str], split_seeds: Sequence[Any]) -> dict[str, Any]:
    """What all runs have in common: the settings of any but those that differ."""
    return {
        setting: value
        for setting, value in run.config.items()
        if setting not in differing
        and setting != "seed"
        and not is_about_execution(setting)
        and (setting != SPLIT_SEED or not split_seeds)
    }


def _by_seed(run: Run) -> tuple[Any, int, str]:
    return order(run.config.get(SPLIT_SEED)), run.seed, str(run.folder)


def _list(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") if names else "No settings"
