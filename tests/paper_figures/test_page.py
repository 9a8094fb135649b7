"""The page in a real browser."""

import csv
import hashlib
import json
import platform
import re
import shutil
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import matplotlib
import pytest

import paper_figures
import tf_lottery
from paper_figures.claims import CLAIMS
from paper_figures.claims_since import CLAIMS_SINCE
from paper_figures.families import FAMILIES
from paper_figures.make import main
from paper_figures.shown_by import SHOWN_BY

SMALL = Path(__file__).resolve().parents[2] / "docs/results/fashion_mnist_resnet8.csv"
SHIPPED = Path(paper_figures.__file__).parent / "reference/published.csv.gz"

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
window.addEventListener("message", ({data}) => { document.getElementById("report").textContent = data; });
window.addEventListener("load", async () => {
  const visible = () => [...document.querySelectorAll("article")].filter((figure) => figure.offsetParent);
  const choose = (id, value) => {
    document.getElementById(id).value = value;
    document.getElementById(id).dispatchEvent(new Event("change", {bubbles: true}));
  };
  const colour = () => getComputedStyle(document.body).backgroundColor;
  const images = [...document.images];
  const lazy = images.every((image) => image.loading === "lazy");
  const recalled = visible().map((figure) => figure.dataset.schedule);
  const seen = {all: visible().length, lazy, recalled};
  for (const image of images) image.loading = "eager";
  await Promise.allSettled(images.map((image) => image.decode()));
  Object.assign(seen, {broken: images.filter((i) => !i.complete || !i.naturalWidth).map((i) => i.src)});
  seen.alt = images.every((image) => image.alt.length > 40);
  choose("schedule", "");
  for (const details of document.querySelectorAll("details")) details.open = true;
  seen.wide = document.documentElement.scrollWidth - innerWidth;
  seen.over = [...document.querySelectorAll(".scroll")].map((table) => table.scrollWidth - table.clientWidth);
  choose("source", "own");
  seen.own = visible().map((figure) => figure.dataset.source);
  const rows = [...document.querySelectorAll("tbody tr[data-source]")].filter((row) => row.offsetParent);
  seen.ownRows = rows.map((row) => row.dataset.source);
  choose("source", "");
  choose("network", "resnet50");
  seen.address = location.search;
  seen.network = visible().map((figure) => figure.dataset.network);
  seen.rows = [...document.querySelectorAll("tbody tr")].filter((r) => r.offsetParent).map((r) => r.dataset.network);
  const there = (family) => document.getElementById(`family-${family}`).offsetParent !== null;
  seen.families = [there("accuracy"), there("structured")];
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
  setTimeout(async () => {
    seen.reset = visible().length;
    seen.cleared = location.search;
    choose("network", "resnet50");
    const link = document.querySelector('tr[data-network="resnet56"] a');
    const target = document.querySelector(link.getAttribute("href"));
    seen.hidden = target.hidden;
    link.click();
    await new Promise((done) => setTimeout(done, 200));
    seen.revealed = [target.hidden, Math.round(target.getBoundingClientRect().top) < innerHeight];
    seen.labels = [...document.querySelectorAll("select")].every((select) => select.labels.length === 1);
    window.parent.postMessage(JSON.stringify(seen), "*"); // to itself, or to the page that it is in
  }, 50);
});
</script>
"""


# In a frame, for a window is at least 500 pixels wide.
TELEPHONE = """<!doctype html><iframe src="probe.html{query}" style="width: 375px; height: 800px; border: 0"></iframe>
<pre id="report"></pre>
<script>
window.addEventListener("message", ({{data}}) => {{ document.getElementById("report").textContent = data; }});
</script>
"""
OWN = """\
network,dataset,heuristic,schedule,technique,density,retrain_epochs,trial,test_accuracy,validation_accuracy,epochs,recipe,training,seed
resnet20,cifar10,,,dense,1,0,1,0.9172,0.9,182,paper_cifar10,,0
resnet20,cifar10,global_magnitude,one_shot,lr_rewind,0.1074,90,1,0.8901,0.9,90,paper_cifar10,,0
resnet20,cifar10,global_magnitude,one_shot,fine_tune,0.1074,90,1,0.8402,0.9,90,paper_cifar10,,0
resnet20,cifar10,global_magnitude,one_shot,lr_rewind,0.3277,182,1,0.9150,0.9,182,paper_cifar10,,0
resnet20,cifar10,global_magnitude,one_shot,fine_tune,0.3277,91,1,0.9150,0.9,91,paper_cifar10,,0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "results.csv").write_text(OWN)
    arguments = ["accuracy", "controls", "structured", "no_loss", f"--results={folder}/results.csv"]
    arguments.append("--formats=svg,pdf")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SOURCE_DATE_EPOCH", "86400")
        assert main([*arguments, f"--output_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "index.html").read_text()


def browse(folder, *flags, at="probe.html"):
    page = (folder / "index.html").read_text()
    (folder / "probe.html").write_text(page.replace("</body>", PROBE + "</body>"))
    done = subprocess.run(
        [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", (folder / at).as_uri()],
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
    assert seen["lazy"]
    assert 0 < len(seen["own"]) < seen["all"]
    assert all("own" in sources.split() for sources in [*seen["own"], *seen["ownRows"]])
    assert seen["address"] == "?network=resnet50"
    assert seen["cleared"] == ""
    assert seen["families"] == [True, False]
    assert seen["hidden"]
    assert seen["revealed"] == [False, True]
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
    assert seen["stops"] > 4 * figures  # each figure's links, and the controls
    system, light, dark, again = seen["themes"]
    assert light != dark
    assert system == again


@in_browser
def test_the_page_fits_a_telephone_and_follows_a_dark_system(folder):
    (folder / "telephone.html").write_text(TELEPHONE.format(query="?schedule=iterative&amp;technique=none"))
    narrow, console = browse(folder, "--blink-settings=preferredColorScheme=0", at="telephone.html")
    assert console == []
    assert narrow["wide"] <= 0
    assert len(narrow["over"]) == 2
    assert max(narrow["over"]) <= 0
    assert 0 < narrow["all"] < narrow["reset"]  # as the link said; a technique that is not there is none
    assert all("iterative" in schedules.split() for schedules in narrow["recalled"])
    assert narrow["themes"][0] == narrow["themes"][2]  # as the system is what the choice "dark" is


def test_the_page_needs_nothing_but_the_files_beside_it(folder):
    page = (folder / "index.html").read_text()
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    assert "$" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    linked = set(re.findall(r'(?:src|href)="([^"#:]+)"', page))
    assert len(linked) > 3 * 16
    for name in linked:
        assert (folder / name).is_file(), name


def test_claims_are_on_the_page_with_rule_value_and_verdict(page):
    for text in ("the gain of rewinding grows with compression", "\u2713 holds", "\u2717 fails", "0.71 pp", "9.31 x"):
        assert text in page


def test_the_verdict_counts_the_claims_table(folder, page):
    with (folder / "claims.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "published"]
    counts = Counter(row["verdict"] for row in rows)
    unsettled = sum(row["settled"] == "no" for row in rows)
    text = re.sub(r"<[^>]+>", "", page[page.index("Published results, ") :])
    assert (
        f"of {len(rows)} checks {counts['holds']} hold, {counts['fails']} fails, "
        f"{counts['not enough data']} lacks data; {unsettled} are unsettled by the trials."
    ) in text
    with (folder / "claims.csv").open() as file:
        own = Counter(row["verdict"] for row in csv.DictReader(file) if row["source"] == "own")
    assert own["holds"]
    ours = re.sub(r"<[^>]+>", "", page[page.index("Own results, ") :].partition("</p>")[0])
    alone = own["holds"] + own["fails"]
    assert ours.endswith(f"0 are unsettled by the trials, and {alone} rest on one trial, without an interval.")
    assert page.index('id="verdict"') < page.index('<nav aria-label="Contents">') < page.index("<article")


def test_every_link_within_the_page_has_its_target_and_claims_and_figures_lead_to_each_other(page):
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    for name, families in SHOWN_BY.items():
        body = re.search(rf'<tbody id="claim-{name}".*?</tbody>', page, re.DOTALL)
        for figure in re.findall(r"<article.*?</article>", page, re.DOTALL) if body else ():
            stem, family = re.search(r'id="([^"]+)"', figure)[1], re.search(r'data-family="([^"]+)"', figure)[1]
            assert (f'href="#{stem}"' in body[0]) == (f'href="#claim-{name}"' in figure), (name, stem)
            assert family in families or f'href="#{stem}"' not in body[0]
    gain = re.search(r'<tbody id="claim-gain_grows".*?</tbody>', page, re.DOTALL)[0]
    assert 'href="#accuracy-imagenet-resnet50-one_shot-global_magnitude"' in gain
    assert "iterative" not in gain


def test_every_claim_has_figures_that_show_it():
    assert SHOWN_BY.keys() == CLAIMS.keys() | CLAIMS_SINCE.keys()
    assert {family for families in SHOWN_BY.values() for family in families} <= FAMILIES.keys()


def test_without_scripts_all_is_shown_and_no_control_is_there_that_does_nothing(page):
    assert re.search(r'<form id="filters"[^>]* hidden>', page)
    assert re.search(r'<button type="button" id="theme"[^>]* hidden>', page)
    assert not re.search(r"<(?:article|section|tr|tbody)[^>]* hidden", page)


def test_headings_are_in_order_and_what_is_unchecked_is_said_once(page):
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.count("checked against the") == 1
    for word in ("T", "t", "Density", "Compression", "Search cost", "Safe zone", "Learning rate rewinding"):
        assert f"<dt>{word}</dt>" in page


@pytest.mark.parametrize("look", ["light", "dark"])
def test_text_has_a_contrast_of_4_5(page, look):
    block = re.search(rf"{{ color-scheme: {look};([^}}]*)}}", page)[1]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    for ink in ("ink", "soft", "link", "good", "bad"):
        for ground in ("page", "card"):
            light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def luminance(colour):
    """Relative luminance, WCAG 2.1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_page_says_where_it_is_from(folder, page):
    origin = page[page.index('id="provenance"') :]
    assert "1970-01-02 (UTC)" in origin
    assert f"accuracy controls structured no_loss --results={folder}/results.csv" in origin
    assert hashlib.sha256(OWN.encode()).hexdigest() in origin
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() in origin
    for version in (platform.python_version(), matplotlib.__version__, tf_lottery.__version__):
        assert version in origin


def test_pages_of_one_day_have_equal_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages = []
    for seconds in ("86400", "86401", "172800"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)
        assert main(["--only=own", f"--results={SMALL}", "accuracy", "--formats=svg"]) == 0
        pages.append(Path("figures/index.html").read_bytes())
    first, second, later = pages
    assert first == second
    assert later == first.replace(b"1970-01-02", b"1970-01-03")


def test_a_day_that_is_none_is_said(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert main(["no_loss", f"--output_dir={tmp_path}", "--formats=svg"]) == 1
    assert "SOURCE_DATE_EPOCH=yesterday: expected whole seconds" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_published_against_own_is_a_section_with_its_csv(folder, page):
    section = page[page.index('id="compare"') : page.index('id="filters"')]
    with (folder / "compare.csv").open() as file:
        places = [row["place"] for row in csv.DictReader(file)]
    assert places == ["inside", "", "below", "inside", "inside"]
    assert "Inside the published range: 3 of 4; 1 below, 0 above." in section
    assert "fine_tune, one-shot, unstructured is not published at t = 91" in section
    assert re.search(r'data-label="Own">84.02, n = 1<', section)
