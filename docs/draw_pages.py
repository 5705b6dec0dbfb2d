"""`make gallery` and `make results` run the commands of pages, and bring the pages' pictures, numbers and tables up to date.

python docs/draw_pages.py PAGE.md ...

On a page, `![...](FOLDER/FIGURE.png)` is a picture of the page's own `noisylab figure` command, and a link to
`STUDY/FILE.csv` is a file of runs/STUDY. What stands between `<!-- STUDY/TABLE.md -->` and `<!-- end -->` is a table of
runs/STUDY: summary, contrasts, comparisons, or a further analysis of the named study.
"""

import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import noisylab
import noisylab.cli
from noisylab.core.registries import NAMED_STUDIES
from noisylab.report.analysis_table import analysis_table

RUNS = Path("runs")
# 816 pixels wide.
STYLE = "savefig.dpi: 120\n"


def main(pages: list[Path]) -> None:
    """Bring pages up to date. Finished runs are not repeated."""
    for page in pages:
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            run(re.findall(r"^noisylab .*$", text.replace("\\\n", " "), flags=re.MULTILINE), Path(folder))
            for link in re.findall(r"!\[[^\]]*\]\(([^)]+\.png)\)", text):
                drawn = sorted(Path(folder).glob(f"*/{Path(link).name}"))
                one_of = [path for path in drawn if path.parent.name == Path(link).parent.name] or drawn
                if len(one_of) != 1:
                    raise SystemExit(f"{page}: {link} is drawn by {len(one_of)} of its commands")
                keep(one_of[0], page.parent / link)
        for link in re.findall(r"\]\((\w[\w-]*/\w+\.csv)\)", text):
            keep(RUNS / link, page.parent / link)
        filled = re.sub(r"(<!-- (\S+)/(\w+)\.md -->\n).*?(?=<!-- end -->)", with_table, text, flags=re.DOTALL)
        page.write_text(filled, encoding="utf-8")


def run(lines: list[str], pictures: Path) -> None:
    """Run commands in their order; figures go to a folder of `pictures` for each study."""
    style = pictures / "screen.mplstyle"
    style.write_text(STYLE, encoding="utf-8")
    for line in lines:
        words = shlex.split(line)[1:]
        if words[0] == "figure":
            words += ["--format", "png", "--out", str(pictures / Path(words[2]).name), "--style", str(style)]
        if words[0] in ("sweep", "figure", "costs") and noisylab.cli.main(words):
            raise SystemExit(f"{line} failed")


def keep(made: Path, kept: Path) -> None:
    """Copy a file to the docs."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, kept)


def with_table(block: re.Match[str]) -> str:
    """A block of a page with its table of a finished study."""
    head, folder, name = block.groups()
    study = noisylab.open_study(RUNS / folder)
    named = NAMED_STUDIES.create(folder) if folder in NAMED_STUDIES.entries() else None
    analyses = named.analyses if named else {}
    if name in analyses:
        table = analysis_table(name, analyses[name](study.results)).markdown()
    else:
        with tempfile.TemporaryDirectory() as tables:
            study.write_tables(tables, ["md"], by=named.grid.compared_within if named else ())
            table = Path(tables, f"{name}.md").read_text(encoding="utf-8")
    return f"{head}{table.strip()}\n"


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
