"""What a user can cause: errors whose message is for a person, shown without a traceback."""


class UserError(ValueError):
    """A setting, file or checkpoint that cannot be used.

    The message has at most three lines: what was given, what is allowed, what to do.
    """


class TrainingDiverged(UserError):
    """The loss became infinite or not a number."""
