"""One run alone, started by Hydra or gone on with by `resume=RUN`."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from textlstm.door.arguments import Arguments, names_of
from textlstm.door.program import Program
from textlstm.door.resume import compose_plain, stored_config
from textlstm.door.run_folder import forget_unused, is_finished, load_stored_overrides, run_name
from textlstm.door.settings import check_train
from textlstm.errors import UserError

runs: list[Path] = []
"""Folders of the runs that this process started, the present one last."""


def start_run(program: Program, arguments: Arguments) -> None:
    """Check, let Hydra make the run's folder, and carry out the run."""
    explicit = names_of(arguments.overrides)
    # Before Hydra makes the run's folder: a wrong setting should leave nothing behind.
    program.check(compose_plain(program.conf, program.config_name, arguments.overrides), explicit)
    failed: list[Exception] = []

    def job(config: dict[str, Any], folder: Path) -> None:
        try:
            settings = program.check(config, explicit)
            if program.config_name == "config":
                runs.append(folder)
            program.one_run(settings, folder)
        except (UserError, OSError) as error:
            failed.append(error)  # raised below: through Hydra it would come with lines of Hydra's own
        finally:
            forget_unused(folder)

    hydra_main(program, arguments, job)
    if failed:
        raise failed[0]


def resume_run(program: Program, folder: str, arguments: Arguments) -> None:
    """Go on with the run in `folder`; raise `UserError` where what else was given contradicts it."""
    if arguments.study:
        raise UserError(
            "resume goes on with one run, and -m or sweep= starts several.\nLeave out one of them: a study goes on by its own command, given again."
        )
    config = stored_config(folder, arguments.overrides, program.conf)
    if is_finished(Path(folder)):
        print(f"{folder} is finished: there is nothing to go on with. See {folder}/report.html.")
        return
    runs.append(Path(folder))
    program.one_run(check_train(config, names_of(load_stored_overrides(Path(folder)))), Path(folder))


def hydra_main(program: Program, arguments: Arguments, job: Callable[[dict[str, Any], Path], None]) -> None:
    """Hydra's application: `job(config, run_folder)`."""
    # Errors reach us as they were raised, instead of printed with a traceback by Hydra.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    OmegaConf.register_new_resolver("run_folder", run_name, replace=True)
    sys.argv = [sys.argv[0], *arguments.flags, *arguments.overrides]

    @hydra.main(version_base=None, config_path=str(program.conf), config_name=program.config_name)
    def main(config: DictConfig) -> None:
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        job(plain, as_typed(Path(HydraConfig.get().runtime.output_dir)))

    main()


def as_typed(path: Path) -> Path:
    """Relative where it lies below the current folder: short, and the same on every machine."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
