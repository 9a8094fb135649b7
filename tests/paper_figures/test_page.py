"""The page in a real browser."""

import json
import re
import shutil
import subprocess

import pytest

from paper_figures.make import main

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
    *("--virtual-time-budget=20000", "--dump-dom"),
)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

# Does what a reader does, and leaves what it saw in the document.
PROBE = """
<pre id="report"></pre>
<script>
window.addEventListener("load", () => {
  const visible = () => [...document.querySelectorAll("article")].filter((figure) => figure.offsetParent);
  const choose = (id, value) => {
    document.getElementById(id).value = value;
    document.getElementById(id).dispatchEvent(new Event("change", {bubbles: true}));
  };
  const colour = () => getComputedStyle(document.body).backgroundColor;
  const images = [...document.images];
  const seen = {all: visible().length, broken: images.filter((i) => !i.complete || !i.naturalWidth).map((i) => i.src)};
  seen.alt = images.every((image) => image.alt.length > 40);
  seen.wide = document.documentElement.scrollWidth - innerWidth;
  choose("network", "resnet50");
  seen.network = visible().map((figure) => figure.dataset.network);
  seen.rows = [...document.querySelectorAll("tbody tr")].filter((r) => r.offsetParent).map((r) => r.dataset.network);
  choose("technique", "reinit");
  seen.both = visible().map((figure) => figure.dataset.technique);
  seen.count = document.getElementById("count").textContent;
  choose("family", "structured");
  seen.none = [visible().length, document.getElementById("nothing").hidden];
  const stops = [...document.querySelectorAll("a[href], button, select, [tabindex]")].filter((e) => e.tabIndex >= 0);
  seen.stops = stops.length;
  document.getElementById("network").focus();
  seen.focus = document.activeElement.id;
  const themes = [colour()];
  for (let turn = 0; turn < 3; turn++) { document.getElementById("theme").click(); themes.push(colour()); }
  seen.themes = themes;
  document.querySelector("button[type=reset]").click();
  setTimeout(() => {
    seen.reset = visible().length;
    seen.labels = [...document.querySelectorAll("select")].every((select) => select.labels.length === 1);
    document.getElementById("report").textContent = JSON.stringify(seen);
  }, 50);
});
</script>
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    assert main(["accuracy", "controls", "structured", "no_loss", f"--output_dir={folder}"]) == 0
    return folder


def browse(folder, *flags):
    page = (folder / "index.html").read_text()
    (folder / "probe.html").write_text(page.replace("</body>", PROBE + "</body>"))
    done = subprocess.run(
        [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", (folder / "probe.html").as_uri()],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    report = re.search(r'<pre id="report">(.+?)</pre>', done.stdout, re.DOTALL)
    assert report, done.stderr[-2000:]
    return json.loads(report[1].replace("&quot;", '"').replace("&amp;", "&")), re.findall(r".*CONSOLE.*", done.stderr)


@in_browser
def test_the_page_works_from_disk(folder):
    seen, console = browse(folder, "--window-size=1400,1000")
    assert console == []
    assert seen["broken"] == []
    assert seen["alt"]
    assert seen["labels"]
    figures = len(list(folder.glob("*.pdf")))
    assert seen["all"] == seen["reset"] == figures
    assert 0 < len(seen["network"]) < figures
    assert all("resnet50" in networks.split() for networks in seen["network"])
    assert "resnet50" in seen["rows"]
    assert all("resnet50" in networks.split() for networks in seen["rows"])
    assert 0 < len(seen["both"]) < len(seen["network"])
    assert all("reinit" in techniques.split() for techniques in seen["both"])
    assert seen["count"] == f"{len(seen['both'])} figure{'s' * (len(seen['both']) > 1)}"
    assert seen["none"] == [0, False]
    assert seen["focus"] == "network"
    assert seen["stops"] > 6 * figures  # each figure's links, and the controls
    system, light, dark, again = seen["themes"]
    assert light != dark
    assert system == again


@in_browser
def test_the_page_fits_a_telephone_and_follows_a_dark_system(folder):
    narrow, console = browse(folder, "--window-size=500,900", "--blink-settings=preferredColorScheme=0")
    assert console == []
    assert narrow["wide"] <= 0
    assert narrow["themes"][0] == narrow["themes"][2]  # as the system is what the choice "dark" is


def test_the_page_needs_nothing_but_the_files_beside_it(folder):
    page = (folder / "index.html").read_text()
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    assert "$" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    linked = set(re.findall(r'(?:src|href)="([^"#:]+)"', page))
    assert len(linked) > 5 * 16
    for name in linked:
        assert (folder / name).is_file(), name


def test_claims_are_on_the_page_with_rule_value_and_verdict(folder):
    page = (folder / "index.html").read_text()
    for text in ("the gain of rewinding grows with compression", "\u2713 holds", "\u2717 fails", "0.71 pp", "9.31 x"):
        assert text in page
