"""Imports follow the flow of data, in one direction, and files stay readable."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "tfrec_recall"
FOUNDATION = {"_keras", "_axes", "_arguments", "_on_demand", "_replicas", "_signatures", "_tracing"}
MAY_IMPORT = {
    "layers": set(),
    "losses": set(),
    "optimizers": set(),
    "data": set(),
    "features": {"layers", "losses", "data"},
    "graph": {"layers", "losses", "data"},
    "retrieval": {"layers", "losses", "data", "features", "graph"},
    "sampling": {"layers", "losses", "data", "features", "graph", "retrieval"},
    "models": {
        *("layers", "losses", "optimizers", "data", "features", "graph", "retrieval", "sampling"),
        "training",
    },
    "evaluation": {"data", "retrieval"},
    "comparison": {"data", "retrieval", "evaluation", "operations"},
    "search": set(),
    "advice": set(),
    "export": {"data", "retrieval"},
    "serving": {"export", "retrieval"},
    "health": {"data", "retrieval", "evaluation", "export"},
    "operations": {"data", "retrieval", "evaluation", "export", "health", "serving"},
    "upkeep": {"data", "retrieval", "models", "evaluation", "export", "health", "operations"},
    "spark": {"data", "graph", "export", "operations"},
    "cluster": set(),
    "training": {"layers", "data"},
}
LONGEST = 450
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: pathlib.Path) -> set[str]:
    """The package's own folders that a file imports from."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    folders = {p.name for p in PACKAGE.iterdir()} | {p.stem for p in PACKAGE.glob("*.py")}
    return {p[1] for p in parts if p[0] == PACKAGE.name and len(p) > 1} & folders


def test_imports_point_one_way():
    wrong = {}
    for path in FILES:
        folder = path.relative_to(PACKAGE).parts[0]
        if folder in MAY_IMPORT:  # the command line and the package's own __init__ know everything
            wrong[path] = imports(path) - MAY_IMPORT[folder] - {folder} - FOUNDATION
    assert not {path: found for path, found in wrong.items() if found}


def test_every_folder_has_its_place():
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert folders <= set(MAY_IMPORT) | {"cli"}


def test_files_stay_short():
    lines = {path: len(path.read_text().splitlines()) for path in FILES}
    assert not {path: count for path, count in lines.items() if count > LONGEST}


@pytest.mark.parametrize("banned", ["import pickle", "tf.py_function", "layers.Lambda", "np.load("])
def test_nothing_is_pickled_or_hidden_from_the_graph(banned):
    """A SavedModel has to serve without Python, and reading a file must not run what is in it.

    What does either is named here because no file of the package may name it.
    """
    assert not [path for path in FILES if banned in path.read_text()]


def module_of(path: pathlib.Path) -> str:
    parts = (PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """What is run when a module is imported: nothing of functions, nor of what types alone need."""
    found = []
    for one in body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING":
            found += statements(one.orelse)
            continue
        found.append(one)
        for part in ("body", "orelse", "handlers", "finalbody"):
            found += statements(getattr(one, part, []))
    return found


def imported(path: pathlib.Path) -> set[str]:
    """The modules of the package that this one imports as it is imported itself."""
    names = set()
    for one in statements(ast.parse(path.read_text()).body):
        if isinstance(one, ast.Import):
            names |= {alias.name for alias in one.names}
        elif isinstance(one, ast.ImportFrom):
            for alias in one.names:
                within = f"{one.module}.{alias.name}"
                names.add(within if within in MODULES else one.module)
    return names & set(MODULES)


def test_no_module_needs_itself():
    """In whichever order modules are imported, each finds what it names in another."""
    todo = {name: imported(path) for name, path in MODULES.items()}
    while done := {name for name, needed in todo.items() if not needed & set(todo)}:
        todo = {name: needed for name, needed in todo.items() if name not in done}
    assert not todo
