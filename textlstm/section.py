"""The base class of every configuration section that serves a run.

A section is a frozen pydantic model: its fields are the settings, with type, range, default and
meaning in one place, from which the check at the door and `train.py --help` are made. A section
also carries what it configures (`read`, `train`, `build`), so that a new kind of dataset or
embedding is one class and one YAML that names it as `_target_`.
"""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Plain checked values; unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), allow_inf_nan=False)
