"""Secrets in files, as in the official images: X_FILE names a file that holds the value of X."""

import os
from collections.abc import Iterable
from pathlib import Path


def read(variables: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What the files hold, and what is wrong with them, in words that hold none of it.

    An empty file is like an empty variable: left out.
    """
    values, problems = {}, {}
    for variable in variables:
        path = os.environ.get(f"{variable}_FILE")
        if not path:
            continue
        if os.environ.get(variable):
            problems[variable] = f"{variable}, {variable}_FILE: both are set; keep one of them"
            continue
        try:
            # universal newlines: the end of a line is \n, however it was written
            value = Path(path).read_text("utf-8").removesuffix("\n")
        except OSError as error:
            problems[variable] = f"{variable}_FILE: {path} can't be read: {error.strerror}"
        except UnicodeDecodeError:
            problems[variable] = f"{variable}_FILE: {path} can't be read: it is not UTF-8"
        else:
            if value:
                values[variable] = value
    return values, problems
