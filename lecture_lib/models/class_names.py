"""Names of classes: which class a text means.

No TensorFlow is needed for that, and panels open quickly without it.
"""

import difflib
from collections.abc import Sequence


def find_class(text: str, class_names: Sequence[str]) -> int:
    """Return the number of the class that a text means.

    Args:
        text: a name, a number, or a part that only one name has; capitals do not matter.
        class_names: of all classes, in the order of the logits.

    Raises:
        ValueError: when no class or several are meant; it lists the names nearest to the text.
    """
    wanted = text.strip().lower()
    names = [name.lower() for name in class_names]
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and int(wanted) < len(names):
        return int(wanted)
    near = [name for name in names if wanted and wanted in name]
    if len(near) == 1:
        return names.index(near[0])
    near = near[:5] or difflib.get_close_matches(wanted, names, 5, cutoff=0.4) or names[:5]
    shown = ", ".join(class_names[names.index(name)] for name in near)
    raise ValueError(
        f"No class is called {text.strip()!r}; near it are {shown}. "
        f"Choose a name, or a number from 0 to {len(names) - 1}."
    )
