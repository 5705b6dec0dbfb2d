"""Pages of the site that are written from the registries: one for each method, noise kind and score, and the API reference."""

import csv
import importlib
import inspect
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from noisylab.core.checks import expected
from noisylab.core.registries import METHODS, NOISES, SCORES
from noisylab.core.signatures import REQUIRED, Entry
from noisylab.core.specs import Registry
from noisylab.core.stubs import PUBLIC

ROOMS = {
    "": "The names that one import brings, `import noisylab as nl`.",
    "corruption": "Who is mislabelled, and as what. Needs NumPy and SciPy alone.",
    "data": "Data sets, batches and their samplers.",
    "models": "Networks.",
    "methods": "Training methods: what a batch is made of, and its loss.",
    "training": "The training loop.",
    "recording": "A record of every sample in every epoch.",
    "analysis": "From records to numbers: scores, calibration, tables.",
}
FIDELITY = {
    "paper": "as printed in the paper",
    "code": "equal to the authors' public code on the same batch",
    "approximation": "a part is missing",
    "ours": "not published",
}
# The pages whose tables name what has a page of its own, and the folder of those.
TABLES = {"methods": ("methods", METHODS), "corruption": ("noise", NOISES), "analysis": ("scores", SCORES)}
ROOT = Path(__file__).parents[1]
COSTS = ROOT / "docs" / "results" / "cost_table.csv"
COMPARED = ROOT / "docs" / "results" / "method_comparison" / "summary.csv"
# Noise kinds that need nothing besides a data set of any classes.
NEED_NO_FILE = ("asymmetric", "instance", "pair_flip", "symmetric")
# The length of training for which costs are stated; some depend on it.
EPOCHS = 100


def write(folder: Path) -> None:
    """Write all pages into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    texts = dict(pages())
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """Path and text of each page."""
    writers = {"methods": method_page, "corruption": noise_page, "analysis": score_page}
    for room, (kind, registry) in TABLES.items():
        entries, write_page = own(registry), writers[room]
        for entry in entries:
            yield f"{kind}/{entry.name}.md", lines(write_page(entry), "## Reference", "", *reference(entry, entries))
        yield f"{kind}/index.md", index(kind, entries)
    for room, purpose in ROOMS.items():
        yield f"api/{room or 'noisylab'}.md", room_page(room, purpose)
    for name in ("README", "CONTRIBUTING"):
        yield f"{name.lower()}.md", root_page(ROOT / f"{name}.md")
    yield "api/index.md", lines("# API reference", "", *toctree([room or "noisylab" for room in ROOMS]))


def root_page(path: Path) -> str:
    """A page of the root of the repository, with links that hold in the site."""
    text = path.read_text(encoding="utf-8").replace("# noisylab\n", "# What it shows, and how to use it\n", 1)
    text = text.replace("](docs/", "](../").replace("](CONTRIBUTING.md", "](contributing.md")
    return text.replace("](CITATION.cff", "](../../CITATION.cff")


def with_links(page: str, text: str) -> str:
    """A page with links to the pages of the names in the first cells of its tables."""
    kind, registry = TABLES[page]
    known = {entry.name for entry in own(registry)}

    def linked(cell: "re.Match[str]") -> str:
        return re.sub(
            r"`(\w+)`", lambda name: f"[{name[0]}](generated/{kind}/{name[1]}.md)" if name[1] in known else name[0], cell[0]
        )

    return re.sub(r"^\| `[^|]*\|", linked, text, flags=re.MULTILINE)


def own(registry: Registry[Any]) -> list[Entry]:
    """The entries of the package itself."""
    return [entry for entry in registry.entries().values() if entry.module.startswith("noisylab.")]


def lines(*held: str) -> str:
    """The lines as a text."""
    return "\n".join([*held, ""])


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    return [_row(header), _row(["---"] * len(header)), *map(_row, rows), ""]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def toctree(names: list[str]) -> list[str]:
    """A hidden table of contents."""
    return ["```{toctree}", ":hidden:", "", *names, "```"]


def summary(text: str) -> str:
    """The first line of a docstring, with the signs that mean something to Markdown escaped."""
    parts = text.strip().split("\n")[0].split("`")
    escaped = ["".join(f"\\{sign}" if sign in "<>*_[]~$" else sign for sign in part) for part in parts[::2]]
    return "`".join(part for pair in zip(escaped, [*parts[1::2], ""], strict=False) for part in pair).rstrip("`")


def index(kind: str, entries: list[Entry]) -> str:
    """The table of all pages of a kind."""
    heads = {
        "methods": ("Training methods", "How they compare and what they share: [methods](../../methods.md)."),
        "noise": ("Noise kinds", "How they are drawn, and which noise a paper ran: [label noise](../../corruption.md)."),
        "scores": ("Scores", "How well they find mislabelled samples: [analysis](../../analysis.md)."),
    }
    title, where = heads[kind]
    rows = [[f"[`{entry.name}`]({entry.name}.md)", summary(entry.documentation)] for entry in entries]
    names = [entry.name for entry in entries]
    return lines(f"# {title}, one by one", "", where, "", *table(["name", "what it is"], rows), *toctree(names))


def head(entry: Entry) -> list[str]:
    """Title and first line."""
    return [f"# `{entry.name}`", "", summary(entry.documentation), ""]


def options(entry: Entry, sources: dict[str, str] | None = None) -> list[str]:
    """The table of options."""
    if not entry.options:
        return ["It has no options.", ""]
    rows = []
    for key, option in entry.options.items():
        usual = "to be given" if option.default is REQUIRED else f"`{option.default!r}`"
        rows.append([f"`{key}`", summary(expected(option.annotation)), usual, *([sources.get(key, "-")] if sources else [])])
    short = [f"`{entry.name}:VALUE` is short for `{entry.name}({entry.main}=VALUE)`.", ""] if entry.main else []
    return table(["option", "takes", "default", *(["default from"] if sources else [])], rows) + short


def method_page(entry: Entry) -> str:
    """How to call a method, its options, sources, recipe and cost."""
    method, name = METHODS.load(entry.name), entry.name
    stated = method.provenance
    recipes = [
        [f"`{data}`", ", ".join(f"{key}={value}" for key, value in recipe.overrides().items()), recipe.source]
        for data, recipe in method.recipe.items()
    ]
    published = [["published number", stated.published]] if stated.published != "not run here" else []
    return lines(
        *head(entry),
        "## How to call it",
        "",
        "```",
        f"noisylab sweep --methods ce {name} --noise symmetric:0.4 --out runs/{name}",
        f"noisylab list methods {name}",
        "```",
        "",
        "```python",
        "import noisylab as nl",
        "",
        f'study = nl.sweep("runs/{name}", methods=["ce", "{name}"], noise="symmetric:0.4")',
        "# for a loop of your own",
        f'method = nl.create_method("{name}", num_classes=10, num_samples=1000, epochs=20)',
        "```",
        "",
        "## Options",
        "",
        *options(entry, dict(stated.numbers)),
        "## Source",
        "",
        *table(
            ["", ""],
            [
                ["fidelity", f"`{stated.fidelity}`: {FIDELITY[stated.fidelity]}"],
                ["deviations", "; ".join(stated.deviations) or "-"],
                *published,
            ],
        ),
        "## Recipe",
        "",
        *(
            ["Published training settings, for `--recipe paper`:", "", *table(["data", "settings", "source"], recipes)]
            if recipes
            else ["No published training settings are kept: with `--recipe paper` it trains with the study's.", ""]
        ),
        "## Cost",
        "",
        *cost(entry, method),
        "## Results",
        "",
        *results(entry.name),
    )


def cost(entry: Entry, method: Any) -> list[str]:
    """What a run costs: from the method's own statements, which a test counts, and measured."""
    given = {key: option.default for key, option in entry.options.items()}
    factor = method.total_images_factor(epochs=EPOCHS, **given)
    rows = [
        ["composition of a batch", f"`{method.composition_for(**given)}`"],
        ["images through the measured network, a sample and epoch", f"{method.images_factor(**given):g}"],
        [f"images through all networks, a sample and epoch (of {EPOCHS} epochs)", f"{factor:.3g}"],
        ["complete trainings, teachers included", f"{method.num_trainings(**given)}"],
    ]
    with COSTS.open(encoding="utf-8", newline="") as file:
        measured = {row["method"]: row for row in csv.DictReader(file)}
    if row := measured.get(entry.name):
        rows.append(["time of a step, that of `ce` = 1", f"{float(row['time_ratio']):.2f}"])
        rows.append(["peak memory, that of `ce` = 1", f"{float(row['memory_ratio']):.2f}"])
    return [
        *table(["with the default options", ""], rows),
        "How time and memory were measured: [costs](../../results/cost_table.md)."
        if row
        else "Time and memory have not been measured.",
        "",
    ]


def results(name: str) -> list[str]:
    """Test accuracies of a method beside those of CE, in the study of all methods."""
    with COMPARED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    noises = list(dict.fromkeys(row["noise"] for row in rows))
    held = {(row["method"], row["noise"]): row for row in rows}
    variants = [each for each in dict.fromkeys(row["method"] for row in rows) if re.split(r"[(@]", each)[0] == name]
    cells = [
        [f"`{method}`", *(accuracy(held[method, noise]) for noise in noises)] for method in dict.fromkeys(["ce", *variants])
    ]
    if not variants:
        return ["It is not in the study of all methods.", ""]
    return [
        *table(["test accuracy in percent", *(f"`{noise}`" for noise in noises)], cells),
        "Digits, last epoch, mean ± 95 % interval over 5 seeds, all with equally many images; `@` marks settings of the paper "
        "in place of the common ones. All methods, and what this does not show: "
        "[the comparison](../../results/method_comparison.md).",
        "",
    ]


def accuracy(row: dict[str, str]) -> str:
    """A mean and its interval."""
    return f"{100 * float(row['test_accuracy_last']):.1f} ± {100 * float(row['test_accuracy_last_ci95_half']):.1f}"


def noise_page(entry: Entry) -> str:
    """How to call a noise kind, and its options."""
    calls = [f"noisylab corrupt --data digits --noise {entry.name}:0.4"] if entry.name in NEED_NO_FILE else []
    return lines(
        *head(entry),
        "## How to call it",
        "",
        "```",
        *calls,
        f"noisylab list noise {entry.name}",
        "```",
        "",
        "More commands: [label noise](../../corruption.md#from-the-command-line).",
        "",
        "## Options",
        "",
        *options(entry),
        "",
    )


def score_page(entry: Entry) -> str:
    """What a score reads, and how to call it."""
    high = "high" if entry.facts["high"] else "low"
    return lines(
        *head(entry),
        f"It reads the recorded variable `{entry.facts['needs']}`. Mislabelled samples have {high} values.",
        "",
        "```python",
        "from noisylab.analysis import detection_table, score",
        "",
        f'values = score(records, "{entry.name}")  # float64[N]',
        f'table = detection_table(records, ["{entry.name}"])',
        "```",
        "",
        *options(entry),
    )


def reference(entry: Entry, entries: list[Entry]) -> Iterator[str]:
    """The documentation of a registered object, and of what else its module defines.

    By the names of the module, since links back from the source know one name for all objects of a file.
    """
    for name in page_names(entry, entries):
        yield directive(f"{entry.module}.{name}", getattr(importlib.import_module(entry.module), name))


def page_names(entry: Entry, entries: list[Entry]) -> list[str]:
    """The names on the page of an entry: its own, and on the first page of a module those that are not registered."""
    held = vars(importlib.import_module(entry.module))
    public = [name for name, member in held.items() if not name.startswith("_") and _is_of(entry.module, member)]
    beside = [other for other in entries if other.module == entry.module]
    registered = {other.attribute for other in beside}
    return [name for name in public if name == entry.attribute or (name not in registered and entry is beside[0])]


def _is_of(module: str, member: Any) -> bool:
    return callable(member) and getattr(member, "__module__", None) == module


def directive(path: str, held: Any) -> str:
    """The block that documents a function or class."""
    kind = "autoclass" if inspect.isclass(held) else "autofunction"
    # A registered method adds nothing to the members of `Method`.
    listed = inspect.isclass(held) and held not in [METHODS.load(entry.name) for entry in own(METHODS)]
    return lines("```{eval-rst}", f".. {kind}:: {path}", *(["   :members:"] if listed else []), "```")


def links() -> dict[tuple[str, str], str]:
    """The link to each name that stands on a page of its kind, by module and name, from the pages of the API."""
    found = {}
    for kind, registry in TABLES.values():
        for entry in own(registry):
            for name in page_names(entry, own(registry)):
                page = f"[`{name}`](../{kind}/{entry.name}.md)"
                found[entry.module, name] = page if name == entry.attribute else to_object(name, f"{entry.module}.{name}")
    return found


def to_object(name: str, path: str) -> str:
    """A link to the documentation of a function or class."""
    return f"{{py:obj}}`{name} <{path}>`"


def room_page(room: str, purpose: str) -> str:
    """A package: the table of its names, and the documentation of those that have no page of their own."""
    package: ModuleType = importlib.import_module(f"noisylab.{room}" if room else "noisylab")
    known, rows, blocks = links(), [], []
    for name in sorted(package.__all__, key=str.lower):
        held = getattr(package, name)
        module = inspect.unwrap(held).__module__
        place = module.split(".")[1]
        # The names of `noisylab` itself are documented in their rooms.
        path = f"noisylab.{place}.{name}" if not room and place in PUBLIC else f"{package.__name__}.{name}"
        link = known.get((module, name))
        rows.append([link or to_object(name, path), summary(inspect.getdoc(held) or "")])
        if not link and path == f"{package.__name__}.{name}":
            blocks.append(directive(path, held))
    return lines(f"# `{package.__name__}`", "", purpose, "", *table(["name", "what it is"], rows), *blocks)
