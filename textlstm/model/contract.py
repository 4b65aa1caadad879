"""What cannot act is refused: each check names the value, the reason and the cure.

Run once, when a configuration is made.
"""

import warnings
from typing import Any

from .fused import why_not_fused

UNBOUNDED = ("relu", "elu", "gelu", "identity")


def check_contract(config: Any) -> None:
    """Raise `ValueError` for settings that contradict each other or could have no effect."""
    _check_tokens(config)
    _check_rates(config)
    _check_kinds(config)
    _check_stack(config)
    _check_cells(config)
    reasons = why_not_fused(config)
    if config.recurrence == "fused" and reasons:
        raise ValueError(
            f"recurrence=fused cannot run {', '.join(reasons)}: torch's kernels have no such cell. "
            "Use recurrence=auto or reference, or leave these out."
        )


def _check_tokens(config: Any) -> None:
    for name in ("pad_token_id", "unk_token_id"):
        value = getattr(config, name)
        if value is not None and value >= config.vocab_size:
            raise ValueError(f"{name}={value} lies outside of vocab_size={config.vocab_size}.")
    if config.word_dropout and config.unk_token_id is None and config.encoder is None:
        raise ValueError(
            f"word_dropout={config.word_dropout} needs an unknown token. Set unk_token_id, or word_dropout=0."
        )


def _check_rates(config: Any) -> None:
    from .configuration import SCALED

    regularizers = ("activation_regularization", "temporal_activation_regularization")
    for name in SCALED:
        rates = config.per_layer(name)
        if name not in regularizers and max(rates) >= 1:
            raise ValueError(
                f"{name}={getattr(config, name)} times regularization_scale={config.regularization_scale} is {max(rates):g}. "
                "A probability must stay below 1: lower one of them."
            )


def _check_kinds(config: Any) -> None:
    for rate in ("dropout", "recurrent_dropout"):
        # A rate of zero by the scale is a point of a sweep; a rate of zero as written makes the kind pointless.
        # A kind for all layers needs a rate somewhere, a kind of one layer needs that layer's.
        kinds, rates = getattr(config, f"{rate}_kind"), _written(config, rate)
        pairs = zip(kinds, rates, strict=True) if isinstance(kinds, list | tuple) else [(kinds, any(rates))]
        if any(kind != "variational" and not given for kind, given in pairs):
            raise ValueError(
                f"{rate}_kind={kinds} has no effect while {rate}={getattr(config, rate)}. "
                "Give a rate, or leave the kind out."
            )


def _check_stack(config: Any) -> None:
    widths = config.per_layer("hidden_size")
    if config.layers == 1:
        for name, value, default in (("connections", config.connections, "none"), ("readout", config.readout, "top")):
            if value != default:
                raise ValueError(
                    f"{name}={value} has no effect at layers=1: it joins layers. Use {name}={default}, or more layers."
                )
    if config.connections in ("residual", "highway") and len(set(widths)) > 1:
        raise ValueError(
            f"connections={config.connections} adds a layer's input to its output, but hidden_size={widths} differ. "
            "Give all layers one width, or use connections=dense."
        )
    if config.readout == "mix" and len(set(widths)) > 1:
        raise ValueError(
            f"readout=mix adds the layers' outputs, but hidden_size={widths} differ. Give all layers one width, or use readout=all."
        )


def _check_cells(config: Any) -> None:
    initialization = config.initialization
    if initialization["chrono"] is not None and initialization["forget_bias"] != 1.0:
        raise ValueError(
            f"initialization.chrono={initialization['chrono']} sets the forget gate's bias, and so does "
            f"initialization.forget_bias={initialization['forget_bias']}. Give one of them."
        )
    for width, normalised in zip(config.per_layer("hidden_size"), config.per_layer("layer_norm"), strict=True):
        if normalised and width == 1:
            raise ValueError("layer_norm=true needs hidden_size of at least 2: one number normalised is always zero.")
    unbounded = sorted(set(config.per_layer("activation")) & set(UNBOUNDED))
    if unbounded:
        # Not a log line: where Hydra configures logging, other loggers are silent.
        warnings.warn(
            f"activation={unbounded[0]} is unbounded: states can grow with the length of a text; watch the loss, "
            "clip the gradient",
            stacklevel=2,
        )


def _written(config: Any, name: str) -> list[Any]:
    """A setting at every layer, before `regularization_scale`."""
    value = getattr(config, name)
    return list(value) if isinstance(value, list | tuple) else [value] * config.layers
