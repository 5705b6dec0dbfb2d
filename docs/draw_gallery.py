"""`make gallery` runs the commands of gallery.md, and keeps each figure as a PNG for a screen."""

import re
import shlex
import shutil
import tempfile
from pathlib import Path

import noisylab.cli

PAGE = Path(__file__).with_name("gallery.md")
PICTURES = PAGE.parent / "figures" / "gallery"
# 816 pixels wide.
STYLE = "savefig.dpi: 120\n"


def main() -> None:
    """Run the commands in the order of the page."""
    lines = re.findall(r"^noisylab .*$", PAGE.read_text(encoding="utf-8").replace("\\\n", " "), flags=re.MULTILINE)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        style = Path(folder, "screen.mplstyle")
        style.write_text(STYLE, encoding="utf-8")
        for line in lines:
            words = shlex.split(line)[1:]
            drawn = ["--format", "png", "--out", folder, "--style", str(style)] if words[0] == "figure" else []
            if noisylab.cli.main([*words, *drawn]):
                raise SystemExit(f"{line} failed")
        for picture in Path(folder).glob("*.png"):
            shutil.copy(picture, PICTURES)


if __name__ == "__main__":
    main()
