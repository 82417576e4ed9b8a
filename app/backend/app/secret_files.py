"""Reads secrets from files: X_FILE names the file with the value of X.

The official Docker images use the same convention.
"""

import os
from collections.abc import Iterable
from pathlib import Path


def read(variables: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The values from the files, and a problem for each file without a usable value.

    Problems never quote the content of a file. An empty file counts as not set, like an empty
    variable.
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
            # read_text turns every kind of line end into \n
            value = Path(path).read_text("utf-8").removesuffix("\n")
        except OSError as error:
            problems[variable] = f"{variable}_FILE: {path} can't be read: {error.strerror}"
        except UnicodeDecodeError:
            problems[variable] = f"{variable}_FILE: {path} can't be read: it is not UTF-8"
        else:
            if value:
                values[variable] = value
    return values, problems
