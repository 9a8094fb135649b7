"""What setup.cfg cannot say: where the packages lie, and the text of the package page."""

import configparser
import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
# One name is installed, tf_lottery; what stands beside it in a clone lies inside it there.
INSIDE = {"paper_figures": "tf_lottery.paper_figures", "flags": "tf_lottery.flags"}


def packages() -> list[str]:
    """Return the packages by the names under which they are installed."""
    figures: list[str] = find_packages(str(ROOT), include=["paper_figures", "paper_figures.*"])
    inside = [INSIDE["paper_figures"] + name.removeprefix("paper_figures") for name in figures]
    return [*find_packages(str(ROOT), include=["tf_lottery", "tf_lottery.*"]), *inside, INSIDE["flags"]]


def source(cfg: Path = ROOT / "setup.cfg") -> str:
    """Return the address of the public repository, or "" as long as setup.cfg knows none."""
    settings = configparser.ConfigParser()
    settings.read(cfg, encoding="utf-8")
    urls: dict[str, str] = dict(re.findall(r"^(.+?) = (.+)$", settings["metadata"]["project_urls"], re.MULTILINE))
    return urls.get("Source", "").rstrip("/")


def package_page(readme: str, source: str) -> str:
    """Return README.md for a page away from the repository: links and pictures lead into it, or go if it is unknown."""
    link = r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)"
    if source:
        return re.sub(link, lambda m: f"{m[1]}[{m[2]}]({source}/{'raw' if m[1] else 'blob'}/main/{m[3]})", readme)
    return re.sub(link, lambda m: "" if m[1] else m[2], readme)


if __name__ == "__main__":
    setup(
        packages=packages(),
        package_dir={inside: folder for folder, inside in INSIDE.items()},
        long_description=package_page((ROOT / "README.md").read_text(encoding="utf-8"), source()),
        long_description_content_type="text/markdown",
    )
