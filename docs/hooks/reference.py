"""A reference page a package that lists its public names, `__all__`, of what these are."""

import ast
import functools
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2] / "tfrec_recall"
LOADED = ("data.datasets.movielens", "data.datasets.online_retail")  # modules: `load` is shown
LITERAL = re.compile(r"::\n\n((?: {4}.*(?:\n|\Z)|\n)+)")  # a program in a docstring


def on_config(config, **_):
    """The pages are where the navigation names their index."""
    pages = [{name: f"reference/{page_of(name)}.md"} for name in packages()]
    for section in config["nav"]:
        if "Reference" in section:
            section["Reference"] = ["reference/index.md", *pages]
    return config


def on_files(files, config, **_):
    from mkdocs.structure.files import File

    rows = ["# Reference", "", "| package | |", "| --- | --- |"]
    for package, module in packages().items():
        page, about = page_of(package), told(module)
        first = about.partition("\n\n")[0].replace("\n", " ").removesuffix(":")
        rows.append(f"| [`tfrec_recall.{package}`]({page}.md) | {first} |")
        shown = [_shown(f"{package}.{name}") for name in public(module)]
        content = "\n\n".join([f"# `tfrec_recall.{package}`", about, *shown])
        files.append(File.generated(config, f"reference/{page}.md", content=content))
    files.append(File.generated(config, "reference/index.md", content="\n".join(rows)))
    return files


@functools.cache
def packages() -> dict[str, ast.Module]:
    """The packages that say what is public, by name within ours, but for those whose parent hands
    all of it on."""
    found: dict[str, ast.Module] = {}
    for path in sorted(ROOT.rglob("*/__init__.py")):
        module = ast.parse(path.read_text("utf-8"))
        name = ".".join(path.parent.relative_to(ROOT).parts)
        parent = found.get(name.rpartition(".")[0])
        if public(module) and not (parent and set(public(module)) <= set(public(parent))):
            found[name] = module
    return found


def page_of(package: str) -> str:
    """The name of a package's page: its own, without its parents'."""
    return package.rpartition(".")[2]


def public(module: ast.Module) -> list[str]:
    """The names in `__all__`; none where there is no such list."""
    for statement in module.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    return []


def told(module: ast.Module) -> str:
    """The docstring, its programs as blocks of Python."""
    return LITERAL.sub(_block, str(ast.get_docstring(module)))


def programs(module: ast.Module) -> list[str]:
    """Those of the docstring."""
    return [_dedented(found[1]) for found in LITERAL.finditer(str(ast.get_docstring(module)))]


def _block(found: re.Match) -> str:
    return f":\n\n```python\n{_dedented(found[1])}\n```\n\n"


def _dedented(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.strip("\n").splitlines())


def _shown(name: str) -> str:
    """What a public name is; of a package, where its own page is."""
    last = page_of(name)
    if name in packages():
        return f"## {last}\n\n[`tfrec_recall.{name}`]({last}.md)"
    if name in LOADED:
        return f'::: tfrec_recall.{name}.load\n    options:\n      heading: "{last}.load"'
    return f"::: tfrec_recall.{name}"
