"""The table of docs/methods.md: what every method says of its sources. Written by `make stubs`."""

import re
from pathlib import Path

from noisylab.core.registries import METHODS
from noisylab.methods.provenance import Recipe

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
BEGIN, END = "<!-- Written by `make stubs`: -->\n", "<!-- End. -->\n"


def sources_table() -> str:
    """A row for each method of the package: fidelity, the source of every default, deviations, and the recipes."""
    lines = ["| method | fidelity | defaults from | deviations | recipe |", "|---|---|---|---|---|"]
    for entry in METHODS.entries().values():
        if not entry.module.startswith("noisylab."):
            continue
        method = METHODS.load(entry.name)
        held: dict[str, list[str]] = {}
        for key, source in method.provenance.numbers.items():
            held.setdefault(source, []).append(f"{key}={entry.options[key].default!r}")
        numbers = [f"{', '.join(options)}: {source}" for source, options in held.items()]
        recipes = [f"{name}: {_settings(recipe)} ({recipe.source})" for name, recipe in method.recipe.items()]
        parts = ["; ".join(part) for part in (numbers, method.provenance.deviations, recipes)]
        lines.append(f"| `{entry.name}` | {method.provenance.fidelity} | {' | '.join(part or '-' for part in parts)} |")
    return "\n".join([*lines, ""])


def _settings(recipe: Recipe) -> str:
    return ", ".join(f"{key}={value}" for key, value in recipe.overrides().items())


def with_table(page: str) -> str:
    """The text of the page with the current table between its marks."""
    return re.sub(f"(?s)(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", lambda _: f"\n{sources_table()}\n", page)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
