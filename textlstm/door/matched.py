"""`model.match` at the door: the hidden size found takes the place of the one given, in all that is stored.

A run is then the same as one with that hidden size given by hand; `model.match` stays beside it, to say
where the size came from. No two measurements of a latency are alike, so it is made but once: a run
goes on with the size in its stored configuration, and a study keeps what it found for all
seeds of a depth.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from textlstm.diagnostics.matching import STRUCTURE, Matched
from textlstm.door.prepared import Prepared
from textlstm.door.run_folder import load_stored_config, store_config
from textlstm.door.settings import TrainSettings
from textlstm.files import write_json
from textlstm.reports.terminal import open_console
from textlstm.training.checkpoints import newest_checkpoint
from textlstm.training.machine import use_threads

MATCHED = "matched.json"
"""In the folder of a study: what was asked, and the hidden size found."""

Match = Callable[[TrainSettings, Prepared], Matched]
Found = dict[str, Any]
"""hidden_size, and reference_hidden_size."""


def match_alone(settings: TrainSettings, prepared: Prepared, folder: Path, match: Match) -> TrainSettings:
    """The settings with the hidden size found, which the run's stored configuration has from now on."""
    if newest_checkpoint(folder / "checkpoints") is not None:
        return settings
    found = _find(settings, prepared, match, open_console())
    store_config(folder, with_found(load_stored_config(folder), found))
    return dataclasses.replace(
        settings,
        model=settings.model | {"hidden_size": found["hidden_size"]},
        config=with_found(settings.config, found),
    )


def match_in_study(settings: TrainSettings, prepared: Prepared, study: Path, match: Match, console: Console) -> Found:
    """What was found before for this depth, by the study's folder; else what is found now."""
    known = _known(study)
    asked = _asked(settings)
    if asked not in known:
        known[asked] = _find(settings, prepared, match, console)
        write_json(study / MATCHED, known)
    return known[asked]


def with_found(config: dict[str, Any], found: Found) -> dict[str, Any]:
    """A configuration with the hidden size found, and with that of the reference written out."""
    model = config["model"]
    reference = model["match_to"] | {"hidden_size": found["reference_hidden_size"]}
    return config | {"model": model | {"hidden_size": found["hidden_size"], "match_to": reference}}


def _find(settings: TrainSettings, prepared: Prepared, match: Match, console: Console) -> Found:
    use_threads(settings.training.threads)
    found = match(settings, prepared)
    console.print(f"matched   {found.sentence}")
    return {"hidden_size": found.hidden_size, "reference_hidden_size": found.reference_hidden_size}


def _asked(settings: TrainSettings) -> str:
    """Equal for runs that need the same hidden size."""
    model = {name: settings.config["model"][name] for name in ("layers", "hidden_size", "match", "match_to")}
    structure = {name: value for name, value in settings.config["model"].items() if name in STRUCTURE}
    data = {name: settings.config[name] for name in ("dataset", "tokenizer", "embedding")}
    return json.dumps([model, structure, data, settings.training.threads], sort_keys=True)


def _known(study: Path) -> dict[str, Found]:
    try:
        return dict(json.loads((study / MATCHED).read_text()))
    except (OSError, ValueError):
        return {}
