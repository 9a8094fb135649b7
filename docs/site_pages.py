"""Pages of the site whose text lies outside of docs/, and links that lead there (a hook of mkdocs.yml)."""

from __future__ import annotations

import os.path
import re
from typing import Any

from mkdocs.structure.files import File, Files

# In the repository -> on the site. Each text has one place, and people find it where they look in a repository.
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
}
_WHENCE = {page: source for source, page in ELSEWHERE.items()}
_LINK = re.compile(r"(\]\()(?!\w+:|#)([^)\s#]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add them."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=os.path.abspath(source)))  # noqa: PTH100 -- as mkdocs has it
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links by place in the repository into links by place on the site."""
    here = page.file.src_uri
    folder = os.path.dirname(_WHENCE.get(here, f"docs/{here}"))  # noqa: PTH120 -- of a link, not of a file

    def moved(link: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(folder, link[2]))  # noqa: PTH118
        on_site = ELSEWHERE.get(target, target.removeprefix("docs/"))
        return link[1] + os.path.relpath(on_site, os.path.dirname(here) or ".")  # noqa: PTH120

    return _LINK.sub(moved, markdown)
