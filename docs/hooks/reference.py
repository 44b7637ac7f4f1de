"""A reference page a public package, of what its `__all__` lists."""

import ast
import pathlib

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[2] / "tfrec_recall"
PACKAGES = {
    "models": "models",
    "layers": "layers",
    "losses": "losses",
    "optimizers": "optimizers",
    "training": "training",
    "sampling": "sampling",
    "data": "data",
    "datasets": "data.datasets",
    "features": "features",
    "graph": "graph",
    "retrieval": "retrieval",
    "evaluation": "evaluation",
    "export": "export",
    "operations": "operations",
    "spark": "spark",
    "cluster": "cluster",
    "health": "health",
    "upkeep": "upkeep",
}
EMPTY = {"datasets": ("movielens", "online_retail", "simulated")}  # modules, whose `load` is shown


def on_files(files, config, **_):
    rows = ["# Reference", "", "| package | |", "| --- | --- |"]
    for page, package in PACKAGES.items():
        module = ast.parse((ROOT / package.replace(".", "/") / "__init__.py").read_text("utf-8"))
        about = str(ast.get_docstring(module)).split("\n\n")[0].split("::")[0].replace("\n", " ")
        rows.append(f"| [`tfrec_recall.{package}`]({page}.md) | {about} |")
        shown = [_shown(page, package, name) for name in public(module)]
        content = "\n\n".join([f"# `tfrec_recall.{package}`", about, *shown])
        files.append(File.generated(config, f"reference/{page}.md", content=content))
    files.append(File.generated(config, "reference/index.md", content="\n".join(rows)))
    return files


def public(module: ast.Module) -> list[str]:
    """The names in `__all__`."""
    for statement in module.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    raise ValueError(f"A public package has __all__. Received: {ast.get_docstring(module)!r}.")


def _shown(page: str, package: str, name: str) -> str:
    of_module = ".load" if name in EMPTY.get(page, ()) else ""
    heading = f'\n    options:\n      heading: "{name}.load"' if of_module else ""
    return f"::: tfrec_recall.{package}.{name}{of_module}{heading}"
