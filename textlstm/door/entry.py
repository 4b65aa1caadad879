"""A function of checked settings as a Hydra program.

In a single run every error of a user ends in a short message and exit code 1. In a sweep it ends
its job alone; the others go on.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from textlstm.door.help import print_help
from textlstm.door.messages import translate
from textlstm.door.resume import stored_config
from textlstm.door.run_folder import is_finished, run_name
from textlstm.door.settings import check_evaluate, check_train
from textlstm.errors import UserError

CHECKS = {"config": check_train, "evaluate": check_evaluate}
Program = Callable[[Any, Path], None]

_runs: list[Path] = []
"""Folders of the runs that this process started, the present one last."""


def entry(program: Program, script: str, config_name: str) -> Callable[[], None]:
    """`program(settings, run_folder)` as a command; `conf/` stands beside `script`."""
    folder = Path(script).resolve().parent / "conf"

    def main() -> None:
        errors = Console(stderr=True, soft_wrap=True, highlight=False)
        try:
            _start(program, folder, config_name, sys.argv[1:])
        except KeyboardInterrupt:
            errors.print(interrupted(), markup=False)
            sys.exit(130)
        except UserError as error:
            if "debug=true" in sys.argv:
                raise
            errors.print(f"Error: {error}", markup=False)
            sys.exit(1)

    return main


def _start(program: Program, folder: Path, config_name: str, arguments: list[str]) -> None:
    signal.signal(signal.SIGTERM, _stop)
    if "-h" in arguments or "--help" in arguments:
        print_help(folder, config_name)
        return
    resume = [argument.split("=", 1)[1] for argument in arguments if argument.startswith("resume=")]
    try:
        if resume and resume[-1] not in ("", "null"):
            _resume(program, folder, resume[-1], arguments)
        else:
            _run_hydra(program, folder, config_name)
    except (HydraException, OmegaConfBaseException) as error:
        raise translate(error) from error
    except OSError as error:
        if error.filename is None:
            raise
        raise UserError(
            f"{error.filename}: {error.strerror}.\nChoose a place that can be written: output_dir=DIR."
        ) from error


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


def _run_hydra(program: Program, folder: Path, config_name: str) -> None:
    # Errors reach us as they were raised, instead of printed with a traceback by Hydra.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    OmegaConf.register_new_resolver("run_folder", run_name, replace=True)

    @hydra.main(version_base=None, config_path=str(folder), config_name=config_name)
    def job(config: DictConfig) -> None:
        hydra_config = HydraConfig.get()
        run = _as_typed(Path(hydra_config.runtime.output_dir))
        try:
            plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
            settings = CHECKS[config_name](plain, names_of(hydra_config.overrides.task))
            if config_name == "config":
                _runs.append(run)
            program(settings, run)
        except UserError as error:
            _forget_unused(run)
            if hydra_config.mode == RunMode.MULTIRUN:
                overrides = " ".join(hydra_config.overrides.task)
                Console(stderr=True, soft_wrap=True).print(
                    f"Job {hydra_config.job.num} ({overrides}) failed: {error}", markup=False
                )
            raise

    job()


def names_of(overrides: Iterable[str]) -> set[str]:
    """The dotted names that `name=value` overrides set."""
    return {override.lstrip("+~").split("=")[0] for override in overrides}


def _as_typed(path: Path) -> Path:
    """Relative where it lies below the current folder: short, and the same on every machine."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _resume(program: Program, folder: Path, run: str, arguments: list[str]) -> None:
    config = stored_config(run, [argument for argument in arguments if not argument.startswith("-")], folder)
    if is_finished(Path(run)):
        print(f"{run} is finished: there is nothing to go on with. See {run}/report.html.")
        return
    started = [str(override) for override in OmegaConf.load(Path(run) / ".hydra" / "overrides.yaml")]
    _runs.append(Path(run))
    program(check_train(config, names_of(started)), Path(run))


def _forget_unused(run: Path) -> None:
    """Remove a folder in which nothing but Hydra's own files stands: it would only confuse."""
    if run.resolve() != Path.cwd() and run.is_dir() and {path.name for path in run.iterdir()} <= {".hydra"}:
        shutil.rmtree(run)


def interrupted() -> str:
    """What to say after Ctrl-C: the command that goes on, where there is something to go on with."""
    if not _runs or is_finished(_runs[-1]):
        return "Stopped."
    return f"Stopped. Go on with: python train.py resume={_runs[-1]}"
