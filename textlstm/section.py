"""The base class of every configuration section that serves a run.

A section is a frozen pydantic model: its fields are the settings, with type, range, default and
meaning in one place, from which the check at the door and `train.py --help` are made. A section
also carries what it configures (`read`, `train`, `build`), so that a new kind of dataset or
embedding is one class and one YAML that names it as `_target_`.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """Plain checked values; unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), allow_inf_nan=False)

    alone: ClassVar[frozenset[str]] = frozenset()
    """Settings that a section has where it stands alone, and not as a part of another."""


def dotted_fields(section: type[Section]) -> dict[str, FieldInfo]:
    """The settings of a section by name; those of a section inside it as `part.setting`."""
    fields: dict[str, FieldInfo] = {}
    for name, field in section.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, Section):
            fields |= {f"{name}.{key}": inner for key, inner in dotted_fields(part).items() if key not in part.alone}
        else:
            fields[name] = field
    return fields
