"""The command line, read before Hydra sees it: misspelt names and unreadable values are refused here.

Left to itself, Hydra advises to put a `+` before a name that it does not know, which hides the
mistake; and it reads `=`, `#`, quotes and letters beyond ASCII in a value as grammar.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hydra.errors import HydraException

from textlstm.data.text_files import is_utf8
from textlstm.door.names import Names
from textlstm.door.run_folder import load_stored_overrides
from textlstm.door.sweep import parse
from textlstm.errors import UserError

FLAGS = ("--multirun", "--cfg", "--resolve", "--info", "--version", "--hydra-help")
SHORT = {"-m": "--multirun", "-c": "--cfg"}
WITH_VALUE = {"--cfg": ("job", "hydra", "all")}


@dataclass(frozen=True)
class Arguments:
    """flags: for Hydra. overrides: `name=value`, in a form that Hydra's grammar accepts."""

    flags: list[str]
    overrides: list[str]

    @property
    def study(self) -> bool:
        """Whether this is about several runs, a study."""
        return "--multirun" in self.flags or self.value_of("sweep") is not None

    def value_of(self, name: str) -> str | None:
        """The last value given for `name`; None where there is none or null."""
        values = [parse(override).value() for override in self.overrides if override.split("=", 1)[0] == name]
        return str(values[-1]) if values and values[-1] not in (None, "") else None


def read_arguments(arguments: list[str], folder: Path, config_name: str) -> Arguments:
    """Check and clean `arguments`; raise `UserError` for the first that cannot be used."""
    flags, given = _split_flags(arguments)
    split = [_name_and_value(argument, config_name) for argument in given]
    if config_name == "config":
        split = [_study_in_full(*pair) for pair in split]
    names = Names(folder, config_name, _started_with(dict(split)) | dict(split))
    several_runs = "--multirun" in flags or "sweep" in dict(split)
    overrides = []
    # Groups first: which settings there are depends on what they choose.
    for name, value in sorted(split, key=lambda pair: pair[0] not in names.groups):
        if not name.startswith("hydra"):
            names.check(name, value)
        elif several_runs:
            raise _hydra_in_study(name, value)
    for name, value in split:
        override = _readable(name, value)
        several = parse(override).is_sweep_override()
        if several and name == "sweep":
            raise UserError(f"sweep={value} names several studies.\nStart one after the other: sweep=NAME.")
        if several and not several_runs:
            raise UserError(
                f"{name}={value} gives several values.\nOne run for each: python train.py -m {name}={value}\n"
                f'One value with a comma in it: "{name}=\'{value}\'"; a list: "{name}=[{value}]".'
            )
        overrides.append(override)
    return Arguments(flags, overrides)


def _started_with(given: dict[str, str]) -> dict[str, str]:
    """What a run that is to be resumed was started with: its choices decide which settings there are."""
    overrides = Path(given.get("resume", "")) / ".hydra" / "overrides.yaml"
    if not given.get("resume") or not overrides.is_file():
        return {}
    return dict(override.split("=", 1) for override in load_stored_overrides(Path(given["resume"])) if "=" in override)


def names_of(overrides: Iterable[str]) -> set[str]:
    """The dotted names that `name=value` overrides set."""
    return {override.split("=")[0] for override in overrides}


def _study_in_full(name: str, value: str) -> tuple[str, str]:
    """`study=NAME` is short for `study.name=NAME`, and a name is a text also where it looks like a number."""
    if name not in ("study", "study.name"):
        return name, value
    plain = value in ("", "null") or value[0] in "'\""
    return "study.name", value if plain else quote(value)


def _hydra_in_study(name: str, value: str) -> UserError:
    if "launcher" in name or "sweeper" in name:
        return UserError(
            f"{name}={value}: launchers and sweepers of Hydra are not used; a study carries out its runs itself.\n"
            "How many at a time: study.workers=N. Which: -m name=1,2,3, or sweep=depth."
        )
    return UserError(
        f"{name}={value} has no effect in a study.\nWhere it is written: output_dir=DIR and study=NAME. How many runs at a time: study.workers=N."
    )


def _split_flags(arguments: list[str]) -> tuple[list[str], list[str]]:
    flags: list[str] = []
    given: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-"):
            given.append(argument)
            continue
        flag = SHORT.get(argument, argument)
        if flag not in FLAGS:
            raise UserError(
                f"'{argument}' is not an option.\nSettings are given as name=value, without dashes; see --help."
            )
        flags.append(flag)
        if flag in WITH_VALUE:
            value = next(rest, "")
            if value not in WITH_VALUE[flag]:
                raise UserError(
                    f"{argument} '{value}' is not known.\nAllowed: {argument} {'|'.join(WITH_VALUE[flag])}."
                )
            flags.append(value)
    return flags, given


def _name_and_value(argument: str, config_name: str) -> tuple[str, str]:
    if argument.startswith("~"):
        raise UserError(
            f"'{argument}' removes a setting, which is not possible.\nGive it a value: {argument[1:].split('=')[0]}=VALUE."
        )
    if not is_utf8(argument):
        raise UserError(f"{argument!r} is not UTF-8.\nRename the file, or set the terminal to UTF-8.")
    name, equals, value = argument.partition("=")
    # A + adds what the configuration lacks; here everything is there, and what is not is a mistake.
    name = name.lstrip("+")
    if not equals or not name:
        looks_like_run = config_name == "evaluate" and Path(argument).exists()
        hint = f"checkpoint={argument}" if looks_like_run else "model.layers=3"
        raise UserError(f"'{argument}' is not of the form name=value.\nGive for example {hint}; see --help.")
    return name, value


def _readable(name: str, value: str) -> str:
    """`name=value`, with the value in quotes where Hydra's grammar would trip over it."""
    for override in (f"{name}={value}", f"{name}={quote(value)}"):
        try:
            parse(override)
        except HydraException:
            continue
        return override
    raise UserError(f"{name}={value} cannot be read.\nPut quotes round the value: \"{name}='...'\".")


def quote(value: str) -> str:
    """The value as one quoted word of Hydra's grammar."""
    return "'" + value.replace("\\'", "'").replace("'", "\\'") + "'"
