"""The site of docs/: every public name is on it, and nothing on it leads nowhere or to the internet."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import tf_lottery as tl

ROOT = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    """Targets of a page's links, what a browser fetches for it, and the anchors that it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.fetched, self.anchors = set(), set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found.get("id"), found.get("name")}
        target = found.get("href") or found.get("src")
        if target and tag in ("a", "link", "img", "script"):
            (self.links if tag == "a" else self.fetched).add(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not find_spec("mkdocs") or not find_spec("mkdocstrings_handlers"):
        pytest.skip("no MkDocs: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_public_name_has_a_place_on_the_page_of_names():
    named = re.findall(r"^::: tf_lottery\.(\w+)$", (ROOT / "docs/api/index.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(tl.__all__)


@pytest.mark.slow
def test_the_page_of_names_has_the_signature_and_the_words_of_each(site, pages):
    page = site / "api/index.html"
    assert {f"tf_lottery.{name}" for name in tl.__all__} <= pages[page].anchors
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.read_text()))
    for words in ("Set the masks so that exactly as many weights are kept", "density: float", "Parameters:", "Raises:"):
        assert words in text


@pytest.mark.slow
def test_every_link_of_the_site_leads_to_a_page_and_a_place_on_it(site, pages):
    count = 0
    for path, page in pages.items():
        for link in page.links | page.fetched:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and target in pages and parts.fragment != "__skip":
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.relative_to(site)}: {link}"
            count += 1
    assert count > 300
    home = pages[site / "index.html"]
    assert {"tutorials/own_model.html", "architecture.html", "contributing.html", "benchmarks.html"} <= home.links


@pytest.mark.slow
def test_no_page_fetches_anything_from_the_internet(site, pages):
    for path, page in pages.items():
        assert not [link for link in page.fetched if urlsplit(link).netloc], path
    for path in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )['\"]?(https?:)?//", path.read_text()), path
