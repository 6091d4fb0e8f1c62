"""The scripts of data/recipes as modules, for tests of what they do."""

import importlib.util
from types import ModuleType

from course_files import ROOT

RECIPES = ROOT / "data" / "recipes"


def recipe(name: str) -> ModuleType:
    """A script of data/recipes as a module."""
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
