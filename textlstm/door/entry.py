"""A function of checked settings as a Hydra program.

In a single run every error of a user ends in a short message and exit code 1, and a wrong setting
leaves no folder. In a study an error ends its run alone; the others go on.
"""

import shlex
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from textlstm.diagnostics.matching import Matched
from textlstm.door.alone import hydra_main, resume_run, runs, start_run
from textlstm.door.arguments import Arguments, names_of, read_arguments
from textlstm.door.help import print_help
from textlstm.door.messages import in_words, say, translate
from textlstm.door.prepared import Prepared
from textlstm.door.program import FailedRun, Program
from textlstm.door.run_folder import is_finished
from textlstm.door.study import start_study
from textlstm.errors import UserError


def entry(
    run: Callable[..., None],
    *,
    script: str,
    config_name: str,
    prepare: Callable[..., Prepared] | None = None,
    match: Callable[..., Matched] | None = None,
    finish: Callable[[Path, list[Path], list[FailedRun]], None] | None = None,
) -> Callable[[], None]:
    """`run` as a command; see `Program` for the functions. `conf/` stands beside `script`."""
    program = Program(Path(script).resolve(), config_name, run, prepare, match, finish)

    def main() -> None:
        signal.signal(signal.SIGTERM, _stop)
        warnings.formatwarning = lambda message, *_, **__: f"warning   {message}\n"
        if {"-h", "--help"} & set(sys.argv[1:]):
            print_help(program.conf, config_name)
            return
        command = ["python", program.script.name, *sys.argv[1:]]
        debug = any(argument.lstrip("+").lower() == "debug=true" for argument in command)
        study = False
        try:
            arguments = read_arguments(sys.argv[1:], program.conf, config_name)
            study = arguments.study
            _start(program, arguments)
        except KeyboardInterrupt:
            say(f"Stopped. Go on with: {shlex.join(command)}" if study else interrupted())
            sys.exit(130)
        except UserError as error:
            if debug:
                raise
            say(f"Error: {error}")
            sys.exit(1)

    return main


def _start(program: Program, arguments: Arguments) -> None:
    resume = arguments.value_of("resume")
    try:
        if resume is not None:
            resume_run(program, resume, arguments)
        elif set(arguments.flags) - {"--multirun"}:
            hydra_main(program, arguments, lambda *_: None)  # Hydra prints and ends
        elif arguments.study and program.config_name == "evaluate":
            raise UserError(
                "evaluate.py scores one checkpoint on one split at a time: -m is for train.py.\nCall it once for each."
            )
        elif arguments.study:
            start_study(program, arguments)
        else:
            _refuse_settings_of_studies(arguments)
            start_run(program, arguments)
    except (HydraException, OmegaConfBaseException) as error:
        raise translate(error) from error
    except OSError as error:
        raise in_words(error, program.config_name) from error


def _refuse_settings_of_studies(arguments: Arguments) -> None:
    for name in sorted(names_of(arguments.overrides)):
        if name.startswith("study.") and arguments.value_of(name) is not None:
            raise UserError(
                f"{name}={arguments.value_of(name)} has no effect on a single run.\nA study has several: add sweep=depth, or -m with values such as seed=0,1,2."
            )


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


def interrupted() -> str:
    """What to say after Ctrl-C in a single run: the command that goes on, where there is something to go on with."""
    if not runs or is_finished(runs[-1]):
        return "Stopped."
    return f"Stopped. Go on with: python train.py {shlex.quote(f'resume={runs[-1]}')}"
