"""A function of checked settings as a Hydra program.

In a single run every error of a user ends in a short message and exit code 1, and a wrong setting
leaves no folder. In a sweep an error ends its job alone; the others go on.
"""

import os
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from textlstm.door.arguments import Arguments, read_arguments
from textlstm.door.help import print_help
from textlstm.door.messages import translate
from textlstm.door.resume import compose_plain, stored_config
from textlstm.door.run_folder import forget_unused, is_finished, load_stored_overrides, run_name
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
        signal.signal(signal.SIGTERM, _stop)
        warnings.formatwarning = lambda message, *_, **__: f"warning   {message}\n"
        if {"-h", "--help"} & set(sys.argv[1:]):
            print_help(folder, config_name)
            return
        debug = any(argument.lstrip("+").lower() == "debug=true" for argument in sys.argv)
        try:
            _start(program, folder, config_name, read_arguments(sys.argv[1:], folder, config_name))
        except KeyboardInterrupt:
            _say(interrupted())
            sys.exit(130)
        except UserError as error:
            if debug:
                raise
            _say(f"Error: {error}")
            sys.exit(1)

    return main


def _start(program: Program, folder: Path, config_name: str, arguments: Arguments) -> None:
    resume = arguments.value_of("resume")
    try:
        if resume is not None:
            _resume(program, folder, resume, arguments)
        elif set(arguments.flags) - {"--multirun"}:
            _hydra_main(folder, config_name, arguments, lambda *_: None)  # Hydra prints and ends
        elif arguments.multirun and config_name == "evaluate":
            raise UserError(
                "evaluate.py scores one checkpoint on one split at a time: -m is for train.py.\nCall it once for each."
            )
        elif arguments.multirun:
            _sweep(program, folder, config_name, arguments)
        else:
            # Before Hydra makes the run's folder: a wrong setting should leave nothing behind.
            CHECKS[config_name](compose_plain(folder, config_name, arguments.overrides), names_of(arguments.overrides))
            _run(program, folder, config_name, arguments)
    except (HydraException, OmegaConfBaseException) as error:
        raise translate(error) from error
    except OSError as error:
        raise _in_words(error, config_name) from error


def _run(program: Program, folder: Path, config_name: str, arguments: Arguments) -> None:
    failed: list[UserError] = []

    def job(config: dict[str, Any], run: Path) -> None:
        try:
            _one_run(program, config_name, config, run, arguments.overrides)
        except UserError as error:
            failed.append(error)  # raised below: through Hydra it would come with lines of Hydra's own

    _hydra_main(folder, config_name, arguments, job)
    if failed:
        raise failed[0]


def _sweep(program: Program, folder: Path, config_name: str, arguments: Arguments) -> None:
    failed: list[str] = []

    def job(config: dict[str, Any], run: Path) -> None:
        overrides = list(HydraConfig.get().overrides.task)
        try:
            _one_run(program, config_name, config, run, overrides)
        except UserError as error:
            failed.append(f"{' '.join(overrides)}: {str(error).splitlines()[0]}")
            _say(f"Failed: {' '.join(overrides)}\n{error}")

    _hydra_main(folder, config_name, arguments, job)
    if failed:
        shown = failed if len(failed) <= 2 else [failed[0], f"... and {len(failed) - 1} more"]
        raise UserError("\n".join([f"{len(failed)} run(s) of the sweep failed; the others are done.", *shown]))


def _one_run(program: Program, config_name: str, config: dict[str, Any], run: Path, overrides: Iterable[str]) -> None:
    try:
        settings = CHECKS[config_name](config, names_of(overrides))
        if config_name == "config":
            _runs.append(run)
        program(settings, run)
    except OSError as error:
        raise _in_words(error, config_name) from error
    finally:
        forget_unused(run)


def _hydra_main(
    folder: Path, config_name: str, arguments: Arguments, job: Callable[[dict[str, Any], Path], None]
) -> None:
    # Errors reach us as they were raised, instead of printed with a traceback by Hydra.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    OmegaConf.register_new_resolver("run_folder", run_name, replace=True)
    sys.argv = [sys.argv[0], *arguments.flags, *arguments.overrides]

    @hydra.main(version_base=None, config_path=str(folder), config_name=config_name)
    def main(config: DictConfig) -> None:
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        job(plain, _as_typed(Path(HydraConfig.get().runtime.output_dir)))

    main()


def _resume(program: Program, folder: Path, run: str, arguments: Arguments) -> None:
    if arguments.multirun:
        raise UserError("resume goes on with one run, and -m starts several.\nLeave out one of them.")
    config = stored_config(run, arguments.overrides, folder)
    if is_finished(Path(run)):
        print(f"{run} is finished: there is nothing to go on with. See {run}/report.html.")
        return
    _runs.append(Path(run))
    program(check_train(config, names_of(load_stored_overrides(Path(run)))), Path(run))


def _in_words(error: OSError, config_name: str) -> Exception:
    """What a file system refused; an error without a file is a fault of ours and stays as it is."""
    if error.filename is None or Path(str(error.filename)).suffix == ".py":
        return error
    place = (
        "Choose another place: output_dir=DIR." if config_name == "config" else "An evaluation is written into its run."
    )
    return UserError(f"{error.filename} cannot be read or written: {error.strerror}.\n{place}")


def names_of(overrides: Iterable[str]) -> set[str]:
    """The dotted names that `name=value` overrides set."""
    return {override.split("=")[0] for override in overrides}


def _as_typed(path: Path) -> Path:
    """Relative where it lies below the current folder: short, and the same on every machine."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


def interrupted() -> str:
    """What to say after Ctrl-C: the command that goes on, where there is something to go on with."""
    if not _runs or is_finished(_runs[-1]):
        return "Stopped."
    return f"Stopped. Go on with: python train.py {shlex.quote(f'resume={_runs[-1]}')}"


def _say(message: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(message)
