"""Compiles the modules that the app imports; half of the modules in its packages are never used.

The bytecode contains no file times, which differ from build to build: the same source gives the
same bytecode.
"""

import importlib
import py_compile
import sys

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

for name in PROGRAMS + LATER:
    importlib.import_module(name)
for module in list(sys.modules.values()):
    source = getattr(module, "__file__", None) or ""
    if source.startswith("/app/") and source.endswith(".py"):
        py_compile.compile(
            source, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
