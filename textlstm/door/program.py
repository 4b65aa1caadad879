"""An entry script as the door sees it: its functions, and where its configuration stands."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from textlstm.diagnostics.matching import Matched
from textlstm.door.matched import match_alone
from textlstm.door.prepared import Prepared
from textlstm.door.settings import check_evaluate, check_train
from textlstm.errors import UserError
from textlstm.training.machine import choose_device, choose_precision
from textlstm.training.settings import TrainingSettings


@dataclass
class FailedRun:
    """A run of a study that did not come to its end, and why. run: the name of its folder, or its label."""

    run: str
    error: str


@dataclass(frozen=True)
class Program:
    """What `entry` was given.

    run: `run(settings, folder)`, or `run(settings, prepared, folder)` where there is a `prepare`.
    prepare: `prepare(settings, data)`; it loads the data itself where they are None.
    match: `match(settings, prepared)` gives the hidden size that `model.match` asks for.
    finish: `finish(folder, runs, failed)`, after the last run of a study: its folder, those of the
    finished runs in the order of the plan, and a `FailedRun` for each other.
    """

    script: Path
    config_name: str
    run: Callable[..., None]
    prepare: Callable[..., Prepared] | None = None
    match: Callable[..., Matched] | None = None
    finish: Callable[[Path, list[Path], list[FailedRun]], None] | None = None

    @property
    def conf(self) -> Path:
        """The configuration folder, beside the script."""
        return self.script.parent / "conf"

    def check(self, config: dict[str, Any], explicit: set[str]) -> Any:
        """The script's settings, checked."""
        return check_train(config, explicit) if self.config_name == "config" else check_evaluate(config, explicit)

    def one_run(self, settings: Any, folder: Path) -> None:
        """Carry out a single run."""
        if self.prepare is None:
            self.run(settings, folder)
        else:
            check_machine(settings.training)
            prepared = self.prepare(settings)
            if self.match is not None and settings.match.match is not None:
                settings = match_alone(settings, prepared, folder, self.match)
            self.run(settings, prepared, folder)


def check_machine(training: TrainingSettings) -> None:
    """Raise `UserError` for a device or a number format that is not here, before any data is read."""
    choose_precision(training.precision, choose_device(training.device))


def load_function(script: Path, name: str) -> Callable[..., None]:
    """A function of an entry script, in a process that was not started with it."""
    spec = spec_from_file_location(f"textlstm_{script.stem}", script)
    if spec is None or spec.loader is None:
        raise UserError(f"{script} cannot be loaded.\nIs it still there?")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)  # type: ignore[no-any-return]
