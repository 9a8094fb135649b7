import collections
import gzip
import hashlib

import pytest

from paper_figures import reference
from paper_figures.blocks import blocks
from tf_lottery import results
from tf_lottery.networks import registry as networks
from tf_lottery.pruning.heuristics import HEURISTICS


def test_the_shipped_table_is_the_published_one(plain):
    dense = collections.Counter(row["network"] for row in plain if row["technique"] == "dense")
    assert dense == {
        "resnet20": 123, "resnet56": 123, "resnet110": 123, "vgg16_nofc": 123, "resnet50": 90, "gnmt": 10,
        "resnet34": 3,
    }  # fmt: skip
    pruned = collections.Counter(row["network"] for row in plain if row["technique"] != "dense")
    assert pruned == {"resnet20": 2700, "resnet56": 5040, "resnet50": 2400}


@pytest.mark.parametrize(
    ("network", "mean", "spread"),
    [("resnet20", 91.71, 0.23), ("resnet56", 93.46, 0.21), ("resnet110", 93.78, 0.23), ("resnet50", 76.17, 0.14)],
)
def test_dense_means_are_the_published_ones(plain, network, mean, spread):
    found = [100 * float(r["test_accuracy"]) for r in plain if (r["network"], r["technique"]) == (network, "dense")]
    average = sum(found) / len(found)
    assert average == pytest.approx(mean, abs=0.005)
    assert (sum((x - average) ** 2 for x in found) / (len(found) - 1)) ** 0.5 == pytest.approx(spread, abs=0.005)


def test_one_changed_digit_is_noticed(monkeypatch, tmp_path, plain):
    whole = gzip.decompress((reference.files(reference.__name__) / "published.csv.gz").read_bytes())
    assert hashlib.sha256(whole).hexdigest() == reference.SHA256
    (tmp_path / "published.csv.gz").write_bytes(gzip.compress(whole.replace(b"0.9", b"0.8", 1)))
    monkeypatch.setattr(reference, "files", lambda name: tmp_path)
    with pytest.raises(ValueError, match="was changed or damaged"):
        reference.table()


@pytest.mark.parametrize("network", ["resnet56", "resnet110", "resnet110_x0.5"])
@pytest.mark.parametrize("heuristic", ["structured_a", "structured_b"])
def test_settings_of_structured_pruning_are_found_by_any_of_their_densities(found, row, network, heuristic):
    shapes = networks.find(network).kernel_shapes(shape=(32, 32, 3), classes=10)
    own = HEURISTICS[heuristic].densities(shapes, ())
    rows = [row("dense"), *(row(density=density, heuristic=heuristic, schedule="one_shot") for density in own)]
    (block,) = blocks(results.table(rows).assign(source="own"))
    assert [block.place(density) for density in own] == [0, 1, 2, 3, 4]
    assert block.place(own[0] + 0.01) is None
    for published in (block for block in found if (block.network, block.heuristic) == (network, heuristic)):
        assert [published.place(density) for density in own] == [0, 1, 2, 3, 4]
