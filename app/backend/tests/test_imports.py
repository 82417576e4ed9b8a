"""The modules of the app import each other without cycles."""

import ast
from graphlib import TopologicalSorter

from tests.processes import BACKEND

MODULES = {
    ".".join(path.relative_to(BACKEND).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (BACKEND / "app").rglob("*.py")
}


def imported_modules(source: str) -> set[str]:
    """Modules of the app, also those that a function imports only when it runs."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "this check reads absolute names only"
            # a name is a submodule of the package, or something that the module defines
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            names |= submodules or {str(node.module)}
    return names & MODULES.keys()


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: imported_modules(path.read_text()) for module, path in MODULES.items()}
    assert {"app.auth", "app.chat.factory", "app.tracing"} <= graph["app.main"]
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules of the cycle
