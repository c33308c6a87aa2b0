"""The floors of docs/architecture.md: imports go to the same floor or down, and engine/ alone has the binding."""

import ast
from pathlib import Path

import fastnn

ROOT = Path(fastnn.__file__).parent
FLOORS = {
    "_core": 2,
    "engine": 3,
    "ops": 4,
    "random": 4,
    "models": 6,
    "applications": 7,
    "distillation": 7,
    "wrappers": 7,
    "__init__": 7,
    "__main__": 7,
}
BUILDING_BLOCKS = 5  # all others


def imports_of(path):
    """The parts of fastnn that a file imports as it is loaded; what its functions import later is left out."""
    here = path.relative_to(ROOT.parent).parent.parts
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            package = here[: len(here) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found.update((*package, *name.split("."))[1] for name in names)
    return found


def test_imports_go_down():
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        part = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for other in imports_of(path):
            too_high = FLOORS.get(other, BUILDING_BLOCKS) > FLOORS.get(part, BUILDING_BLOCKS)
            if too_high or (other == "_core" and part != "engine"):
                wrong.append(f"{path.relative_to(ROOT)} imports {other}")
    assert not wrong


def test_the_look_at_imports_finds_them():
    assert {"activations", "ops"} <= imports_of(ROOT / "layers" / "dense.py")
    assert "_core" in imports_of(ROOT / "engine" / "plan.py")
