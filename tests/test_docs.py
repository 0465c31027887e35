"""What is written for people: links that lead somewhere, every setting with its name, maps of all that is there, and
examples that are true."""

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest

from gateway.settings import Settings

HOUSE = Path(__file__).parent.parent
PAGES = [HOUSE / "README.md", HOUSE / "CHANGELOG.md", *sorted((HOUSE / "docs").glob("*.md"))]

GATEWAY = ("gateway", *(f"gateway/{name}" for name in ("commands", "documents", "lines", "outbound", "store")))
MAPPED = (*GATEWAY, "gateway/lines/freeswitch", "smtp", "admin_api", "benchmarks")
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(HOUSE).with_suffix("").parts)
    for package in ("gateway", "smtp", "admin_api")
    for path in (HOUSE / package).rglob("*.py")
    if ">>> " in path.read_text()
)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link


def test_every_setting_is_written_down_and_no_other() -> None:
    table = (HOUSE / "docs" / "configuration.md").read_text()
    names = {f"FAXGATE_{name.upper()}" for name in Settings.model_fields}
    written = {
        name for row in re.findall(r"(?m)^\| (`FAXGATE_[^|]+)", table) for name in re.findall(r"FAXGATE_\w+", row)
    }
    assert written == names


@pytest.mark.parametrize("package", MAPPED)
def test_every_module_stands_in_the_map_of_its_package(package: str) -> None:
    folder = HOUSE / package
    drawn = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert {name for name in modules | packages if not re.search(rf"\b{name}\b", drawn)} == set()


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_docstrings_are_true(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted
    assert not found.failed
