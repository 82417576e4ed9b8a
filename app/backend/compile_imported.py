"""Compiles the app, and leaves of its packages the bytecode of what it imports.

The packages were compiled when they were installed, which a change of the app does not repeat; half
of their modules are never used. The bytecode contains no file times, which differ from build to
build: the same source gives the same bytecode.
"""

import importlib.util
import py_compile
import sys
from pathlib import Path

PROGRAMS = ["app.__main__", "app.migrate"]
# modules that are imported only when they are needed
LATER = [
    "app.chat.openai_provider",
    "app.tracing",
    "alembic.command",
    "openai.resources.chat",
    "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.httptools_impl",
]
ROOT = Path("/app")

for name in PROGRAMS + LATER:
    importlib.import_module(name)
kept = set()
for module in list(sys.modules.values()):
    source = Path(getattr(module, "__file__", None) or "")
    if source.suffix == ".py" and source.is_relative_to(ROOT):
        bytecode = Path(importlib.util.cache_from_source(str(source)))
        if not bytecode.exists():
            py_compile.compile(
                str(source),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        kept.add(bytecode)
for bytecode in list(ROOT.rglob("*.pyc")):
    if bytecode not in kept:
        bytecode.unlink()
for folder in list(ROOT.rglob("__pycache__")):
    if not any(folder.iterdir()):
        folder.rmdir()
