"""Names of classes: in which forms they may be given, and which class a text means.

No TensorFlow is needed for that, and panels open quickly without it.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any


def as_class_names(names: Any, *, count: int) -> tuple[str, ...]:
    """Return the names of classes as a tuple of different texts.

    Args:
        names: one for each class, in the order of the logits: a list or an array, of texts, bytes
            or numbers; {number: name} or {name: number}; None for "class 0", "class 1", ...
        count: how many classes there are.

    Returns:
        (count) names; where one comes again, its number is put behind it.

    Raises:
        ValueError: for another number of names, and for what has no order.
    """
    if names is None:
        return tuple(f"class {index}" for index in range(count))
    if isinstance(names, (str, bytes)):
        raise ValueError(
            f"class_names is one text, {_as_text(names)!r}; give a list, a name for each class."
        )
    if hasattr(names, "numpy"):  # a tensor
        names = names.numpy()
    listed = _in_order(names) if isinstance(names, Mapping) else _listed(names)
    texts = [_as_text(name) for name in listed]
    if len(texts) != count:
        raise ValueError(f"The model has {count} classes, but {len(texts)} class names were given.")
    return _told_apart(texts)


def _listed(names: Any) -> list:
    if isinstance(names, (set, frozenset)):
        raise ValueError("class_names is a set, which has no order; give a list.")
    try:
        return list(names)
    except TypeError:
        raise ValueError(
            f"class_names is {names!r}; give a list, one name for each class."
        ) from None


def _in_order(names: Mapping) -> list:
    """The names of {number: name} or {name: number} in the order of the numbers."""
    by_number = _numbers(names.keys())
    # Folders may be called 0, 1, 10, 2: then texts that look like numbers are the names.
    is_turned = _are_whole(names.values()) and not _are_whole(names.keys())
    if by_number is None or is_turned:
        names = {number: name for name, number in names.items()}
        by_number = _numbers(names.keys())
    if by_number is None or sorted(by_number) != list(range(len(names))):
        raise ValueError(
            "class_names is a dict whose numbers do not run from 0 to the number of classes less "
            "one; give {number: name} or {name: number}."
        )
    return [names[by_number[number]] for number in sorted(by_number)]


def _numbers(keys: Any) -> dict | None:
    """{number: key} where all keys are numbers, also as texts like "3"; else None."""
    try:
        return {int(key): key for key in keys}
    except (TypeError, ValueError):
        return None


def _are_whole(values: Iterable) -> bool:
    return all(isinstance(value, Integral) for value in values)


def _as_text(name: Any) -> str:
    if not isinstance(name, (str, bytes)) and hasattr(name, "__len__"):
        # As in ImageNet's file: a code, then the name.
        name = name[-1]
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with its number behind one that was there before: "crane", "crane (517)"."""
    different = []
    for index, name in enumerate(names):
        different.append(f"{name} ({index})" if name in different else name)
    return tuple(different)


def find_class(text: str, class_names: Sequence[str]) -> int:
    """Return the number of the class that a text means.

    Args:
        text: a name, a number, or a part that only one name has; capitals matter only where two
            names differ in nothing else.
        class_names: of all classes, in the order of the logits.

    Raises:
        ValueError: when no class or several are meant; it lists the names nearest to the text.
    """
    exact = text.strip()
    if exact in class_names:
        return list(class_names).index(exact)
    wanted = exact.lower()
    names = [name.lower() for name in class_names]
    same = [index for index, name in enumerate(names) if name == wanted]
    if len(same) == 1:
        return same[0]
    if wanted.isdecimal() and int(wanted) < len(names):
        return int(wanted)
    near = same or [index for index, name in enumerate(names) if wanted and wanted in name]
    if len(near) == 1:
        return near[0]
    shown = ", ".join(class_names[index] for index in near[:5] or _similar(wanted, names))
    raise ValueError(
        f"No class is called {exact!r}; near it are {shown}. "
        f"Choose a name, or a number from 0 to {len(names) - 1}."
    )


def _similar(wanted: str, names: Sequence[str]) -> list[int]:
    """The numbers of up to five names that look like a text, or of the first five."""
    similar = difflib.get_close_matches(wanted, names, 5, cutoff=0.4) or names[:5]
    return [names.index(name) for name in similar]
