"""Draw the pictures of docs/gallery.md by running its blocks: python docs/draw_gallery.py [NAME...]"""

import re
import sys
from pathlib import Path

from srhm.figures.style import render

PAGE = Path(__file__).with_name("gallery.md")
FOLDER = PAGE.with_suffix("")


def main(names: list[str]) -> None:
    blocks = dict(re.findall(r"^```\{testcode\} (\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S))
    FOLDER.mkdir(exist_ok=True)
    for name in names or blocks:
        made: dict = {}
        exec(compile(blocks[name], f"{PAGE.name}, {name}", "exec"), made)
        (FOLDER / f"{name}.png").write_bytes(render(made["figure"], "png", dpi=110))
        print(FOLDER / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
