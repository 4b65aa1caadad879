"""`resume=RUN`: the stored configuration of a run, if what else was given does not contradict it."""

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from textlstm.errors import UserError

FREE = ("resume", "debug")
"""Settings that may differ from the first start."""


def stored_config(run: str, overrides: list[str], folder: Path) -> dict[str, Any]:
    """The configuration that `run` was started with; raise `UserError` for a contradiction."""
    path = Path(run)
    stored, first = path / ".hydra" / "config.yaml", path / ".hydra" / "overrides.yaml"
    if not path.is_dir() or not stored.is_file() or not first.is_file():
        raise UserError(
            f"resume={run} is not the folder of a run.\nGive a folder that train.py made, such as runs/bbc_news/<time>-<hash>."
        )
    config: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(stored), resolve=True)  # type: ignore[assignment]
    started = [str(override) for override in OmegaConf.load(first)]
    extra = [override for override in overrides if override.lstrip("+").split("=")[0] not in FREE]
    before, after = compose_plain(folder, started), compose_plain(folder, [*started, *extra])
    for name in sorted(flatten(before) | flatten(after)):
        old, new = flatten(before).get(name), flatten(after).get(name)
        if old != new and name not in FREE:
            raise UserError(
                f"{name}={new} contradicts the run, which was started with {name}={old}.\n"
                "Leave it out to go on with that run, or start a new one without resume."
            )
    return config


def compose_plain(folder: Path, overrides: list[str]) -> dict[str, Any]:
    """Compose the training configuration to plain values, without starting Hydra's application."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base=None, config_dir=str(folder)):
        return OmegaConf.to_container(compose("config", overrides=overrides), resolve=True)  # type: ignore[return-value]


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
