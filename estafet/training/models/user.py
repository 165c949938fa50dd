"""Finds the user's own model function, `module:function`, beside the run file or installed."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from estafet.errors import ConfigError
from estafet.runfile.architectures import is_users

USER_PATH_VARIABLE = "ESTAFET_USER_PATH"


def find(build: str) -> Callable:
    """Return the function that `module:function` names.

    Raises:
        ConfigError: There is no such module or function, or the module cannot be imported.
    """
    module_name, _, function_name = build.partition(":")
    module = _import(module_name, build)
    function = getattr(module, function_name, None)
    if not callable(function):
        names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        near = difflib.get_close_matches(function_name, names, n=1)
        raise ConfigError(
            f"model.build is '{build}', but '{module.__file__}' has no function '{function_name}'.",
            hint=f"did you mean '{module_name}:{near[0]}'?" if near else f"it has {', '.join(names) or 'none at all'}.",
        )
    return function


def import_module_of(build: str) -> None:
    """Import the module of a user's model, so that Keras knows the layers that it registers; a name needs none."""
    if is_users(build):
        _import(build.partition(":")[0], build)


def _import(module_name: str, build: str) -> ModuleType:
    folder = os.environ.get(USER_PATH_VARIABLE)
    if folder and folder not in sys.path:
        sys.path.append(folder)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise _broken(module_name, error) from error
        where = f"in '{folder}' or among the installed packages" if folder else "among the installed packages"
        raise ConfigError(
            f"model.build is '{build}', but there is no module '{module_name}' {where}.",
            hint=f"put {module_name.replace('.', '/')}.py beside the run file, or correct model.build.",
        ) from error
    except Exception as error:
        raise _broken(module_name, error) from error


def place_of(error: BaseException) -> str:
    """Say in which line of the user's own code an error arose, as ` (file:line)`; the last one where none is theirs."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    folder = os.environ.get(USER_PATH_VARIABLE)
    own = [frame for frame in frames if folder and Path(frame.filename).is_relative_to(folder)]
    return "".join(f" ({frame.filename}:{frame.lineno})" for frame in (own or frames)[-1:])


def _broken(module_name: str, error: Exception) -> ConfigError:
    said = error.msg if isinstance(error, SyntaxError) else error
    return ConfigError(
        f"the module '{module_name}' of model.build cannot be imported: {type(error).__name__}: {said}"
        f"{place_of(error)}.",
        hint=f"mend it until `python -c 'import {module_name}'` works in the folder of the run file.",
    )
