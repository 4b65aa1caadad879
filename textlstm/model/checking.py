"""Checks of settings: types, ranges, lengths of lists, unknown names. Every failure is a `ValueError` in one sentence or two."""

import difflib
from dataclasses import field, fields
from typing import Any

from transformers import PreTrainedConfig

# What transformers itself passes beside the declared fields; anything else is a misspelt setting.
FRAMEWORK_KEYS = frozenset(
    "num_labels name_or_path model_type transformers_version architectures auto_map torch_dtype attn_implementation "
    "experts_implementation output_attentions custom_pipelines use_return_dict is_encoder_decoder use_cache".split()
)


def setting(default: Any, description: str, **limits: Any) -> Any:
    """A field with its meaning; `low`, `below` and `choices` limit the value, `per_layer` allows a list, `optional` allows None."""
    return field(default=default, metadata={"description": description, **limits})


def own_fields(config_class: type) -> list[Any]:
    """The fields that are settings of this network, in order (not those of transformers)."""
    return [item for item in fields(config_class) if "description" in item.metadata]


def refuse_unknown(kwargs: dict[str, Any], config: PreTrainedConfig) -> None:
    """Raise for names that neither the configuration nor transformers knows."""
    known = {item.name for item in fields(config)} | FRAMEWORK_KEYS | set(config.attribute_map)
    for name in kwargs:
        if name not in known and not name.startswith("_"):
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise ValueError(f"'{name}' is not a setting of {type(config).__name__}.{hint}")


def check_field(item: Any, value: Any, layers: int) -> None:
    """Check one field's type and range; a list must have one value a layer."""
    limits = item.metadata
    if isinstance(value, list | tuple):
        if not limits.get("per_layer"):
            raise ValueError(f"{item.name}={value} is a list. It takes one value for the whole network.")
        if len(value) != layers:
            raise ValueError(
                f"{item.name}={list(value)} has {len(value)} values for layers={layers}. Give one value, or one for each layer."
            )
    for entry in value if isinstance(value, list | tuple) else [value]:
        check_value(item.name, entry, type(item.default), limits)


def check_value(name: str, value: Any, kind: type, limits: Any) -> None:
    """Check one scalar of a `kind`: bool, int, float (which whole numbers satisfy too) or str."""
    if value is None and limits.get("optional"):
        return
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    fits = fits and ("choices" not in limits or value in limits["choices"])
    fits = fits and ("low" not in limits or value >= limits["low"])  # a NaN fails this
    fits = fits and ("below" not in limits or value < limits["below"])
    if not fits:
        raise ValueError(f"{name}={value!r} is not allowed. It takes {describe_limits(kind, limits)}.")


def check_thresholds(thresholds: Any, classes: int, multi_label: bool) -> None:
    """Check that there is one a class, from 0 to 1, and only where a text may have several labels."""
    if thresholds is None:
        return
    if not multi_label:
        raise ValueError('thresholds are for problem_type="multi_label_classification" alone. Leave them out.')
    if not isinstance(thresholds, list | tuple) or len(thresholds) != classes:
        raise ValueError(
            f"thresholds={thresholds!r} is not allowed. It takes a list of {classes} numbers, one a class."
        )
    for entry in thresholds:
        if isinstance(entry, bool) or not isinstance(entry, int | float) or not 0 <= entry <= 1:
            raise ValueError(f"thresholds hold {entry!r}. Each is a number from 0 to 1.")


def describe_limits(kind: type, limits: Any) -> str:
    """The allowed values in words."""
    if "choices" in limits:
        return "one of " + ", ".join(map(str, limits["choices"]))
    if kind is bool:
        return "true or false"
    words = {int: "a whole number", float: "a number"}.get(kind, "text")
    if "low" in limits:
        words += f" of at least {limits['low']}"
    if "below" in limits:
        words += f" and below {limits['below']}"
    return words + (", or null" if limits.get("optional") else "")
