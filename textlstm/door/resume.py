"""`resume=RUN`: the stored configuration of a run, if what else was given does not contradict it."""

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from textlstm.door.run_folder import load_stored_config, load_stored_overrides
from textlstm.errors import UserError

FREE = ("resume", "debug")
"""Settings that may differ from the first start."""


def stored_config(run: str, overrides: list[str], folder: Path) -> dict[str, Any]:
    """The configuration that `run` was started with; raise `UserError` for a contradiction."""
    path = Path(run)
    if not (path / ".hydra" / "config.yaml").is_file() or not (path / ".hydra" / "overrides.yaml").is_file():
        raise UserError(
            f"resume={run} is not the folder of a run.\n"
            "Give a folder that train.py made, such as runs/bbc_news/<time>-<hash>."
        )
    config, started = load_stored_config(path), load_stored_overrides(path)
    extra = [override for override in overrides if override.split("=")[0] not in FREE]
    before = flatten(compose_plain(folder, "config", started))
    _refuse_other_choices(folder, started, extra)
    after = flatten(compose_plain(folder, "config", [*started, *extra]))
    for name in sorted(before | after):
        if before.get(name) != after.get(name) and name not in FREE:
            raise UserError(
                f"{name.removesuffix('._target_')}={after.get(name)} contradicts the run, which was started with {before.get(name)}.\n"
                "Leave it out to go on with that run, or start a new one without resume."
            )
    return config


def _refuse_other_choices(folder: Path, started: list[str], extra: list[str]) -> None:
    """Before composing, which fails where a setting of the old choice meets the new one."""
    choices = dict(override.split("=", 1) for override in started)
    for override in extra:
        name, value = override.split("=", 1)
        if (folder / name).is_dir() and choices.get(name, value) != value:
            raise UserError(
                f"{override} contradicts the run, which was started with {name}={choices[name]}.\n"
                "Leave it out to go on with that run, or start a new one without resume."
            )


def compose_plain(folder: Path, config_name: str, overrides: list[str]) -> dict[str, Any]:
    """Compose a configuration to plain values, without starting Hydra's application."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base=None, config_dir=str(folder)):
        return OmegaConf.to_container(compose(config_name, overrides=overrides), resolve=True)  # type: ignore[return-value]


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
