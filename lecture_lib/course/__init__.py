"""What holds the course together: exercises, the check of the set-up, long experiments."""

import lazy_loader

# Each name is imported when it is first asked for, so that a notebook waits for nothing that it
# does not use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "exercises": ["NotYet", "check", "close"],
        "setup_check": ["NEEDED_MEMORY", "check_setup"],
        "sweeps": ["BEGINNING", "sweep"],
    },
)
