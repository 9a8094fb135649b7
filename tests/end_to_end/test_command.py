"""What a user types and sees."""

import json
import re
import shutil
import time

import numpy as np
import pandas as pd
import pytest

from tf_lottery import checkpoint
from tf_lottery.experiments.properties import check
from tf_lottery.experiments.store import Store

REQUIRED = (
    "network,dataset,heuristic,schedule,technique,density,retrain_epochs,trial,test_accuracy,validation_accuracy,"
    "flops,search_cost"
)


@pytest.mark.parametrize("flag", ["--help", "--helpshort", "-h", "--list", "--dry_run"])
def test_asking_is_quick_does_not_import_tensorflow_and_ends_well(run, flag):
    began = time.monotonic()
    out, _ = run(flag, tensorflow=False)
    assert time.monotonic() - began < 10  # 0.5 s on a machine that does nothing else
    assert len(out.splitlines()) > 15
    assert max(map(len, out.splitlines())) < 200
    assert [path.name for path in run.folder.iterdir()] == ["no_tensorflow"]  # and makes nothing


def test_help_names_every_flag(run, tools):
    out, _ = run("--help", tensorflow=False)
    defined = re.findall(
        r"^flags\.DEFINE_\w+\(\s*\"(\w+)\"", (tools.root / "tf_lottery/command/flags.py").read_text(), re.MULTILINE
    )
    assert len(defined) > 20
    for flag in defined:
        assert f"--{flag} " in out


@pytest.mark.parametrize("flags", [["--trials=abc"], ["--density=1e-12"], ["--flagfile=flags/quikstart.flags"]])
def test_a_wrong_flag_is_one_clear_line_before_anything_runs(run, flags):
    out, err = run(*flags, status=2, tensorflow=False)
    assert err.startswith(f"run_experiment: {flags[0]}: ")
    assert out == ""
    assert len(err.splitlines()) == 1
    assert [path.name for path in run.folder.iterdir()] == ["no_tensorflow"]


def test_missing_data_are_said_at_once_with_the_places_and_both_ways(run):
    _, err = run("--dataset=cifar10", "--network=resnet8", status=1, tensorflow=False, HOME=str(run.folder))
    for words in (
        "no data of cifar10",
        "/usr/share/datasets",
        "--data_dir",
        "TF_LOTTERY_DATA_DIR",
        "--download",
    ):
        assert words in err


def test_a_run_prints_a_table_and_where_everything_is(whole, tools):
    output, out, _ = whole
    for words in (
        "technique",
        "density",
        "compression",
        "change [pp]",
        "retrain epochs",
        "search cost",
        "1.56x",
    ):
        assert words in out
    assert "out/results.csv" in out
    summary, detail = re.findall(r"--logdir (\S+)", out)
    assert (summary, detail) == ("out/tensorboard", "out/stages/digits/lenet_300_100_x0.1")
    assert {path.name for path in (output / "tensorboard").iterdir()} == {
        "dense",
        "figures",
        "weight_rewind-iterative",
        "lr_rewind-iterative",
    }
    table = pd.read_csv(output / "results.csv")
    assert ",".join(table.columns).startswith(REQUIRED)
    assert len(table) == tools.stages
    dense = table[table.technique == "dense"]
    assert dense.density.tolist() == [1.0]
    assert (table.kept_weights / table.prunable_weights - table.density).abs().max() < 1 / table.prunable_weights.min()
    for ending in ("png", "svg", "csv"):
        assert (
            output / f"figures/accuracy-digits-lenet_300_100_x0.1-iterative-global_magnitude.{ending}"
        ).stat().st_size > 100
    assert f"{output.name}/figures/accuracy-digits-lenet_300_100_x0.1-iterative-global_magnitude.png" in out


def test_the_second_run_trains_nothing_and_prints_the_same(whole, tools):
    output, out, _ = whole
    runner = tools.Runner.__new__(tools.Runner)
    runner.folder, runner.without_tensorflow = output.parent, output.parent / "no_tensorflow"
    before = tools.bytes_of(output)
    again, _ = runner(*tools.small, "--output_dir=out", tensorflow=False)
    assert again == out
    assert tools.bytes_of(output) == before
    listed, _ = runner(*tools.small, "--output_dir=out", "--dry_run", tensorflow=False)
    assert f"{tools.stages} stages, {tools.stages} done; 0 epochs to train" in listed


def test_a_lost_summary_is_written_again_and_has_what_another_command_did_meanwhile(whole, tools, tmp_path):
    output, out, _ = whole
    shutil.copytree(output, tmp_path / "out")
    shutil.rmtree(tmp_path / "out/tensorboard")
    (tmp_path / "out/results.csv").unlink()
    (dense,) = (tmp_path / "out/stages/digits/lenet_300_100_x0.1/trial_1").glob("dense-*")
    told = json.loads((dense / "result.json").read_text())
    other = f"digits/resnet8/trial_1/{dense.name}"
    with Store(tmp_path / "out").claim("tensorboard"):  # as while another command writes its own
        process = tools.Runner(tmp_path).start(*tools.small, "--output_dir=out", tensorflow=False)
        tools.wait_until((tmp_path / "out/results.csv").exists, process)
        (tmp_path / "out/stages" / other).mkdir(parents=True)
        (tmp_path / "out/stages" / other / "result.json").write_text(
            json.dumps(told | {"network": "resnet8", "stage": other})
        )
    assert process.communicate(timeout=60)[0] == out
    names = {
        path.parent.relative_to(tmp_path / "out/tensorboard") for path in tmp_path.rglob("tensorboard/**/*.summary")
    }
    techniques = ("dense", "lr_rewind-iterative", "weight_rewind-iterative")
    assert set(map(str, names)) == {"resnet8/dense", *(f"lenet_300_100_x0.1/{name}" for name in techniques)}


def test_streamed_examples_give_the_same_bytes(run, whole, tools):
    run(*tools.small, "--output_dir=out", "--input=stream")
    assert tools.bytes_of(run.folder / "out") == tools.bytes_of(whole[0])


def test_another_precision_is_another_stage(run):
    names = []
    for precision in ("float32", "mixed_bfloat16"):
        out, _ = run("--dry_run", f"--precision={precision}", tensorflow=False)
        names.append(set(re.findall(r"\S+/trial_\S+", out)))
    assert len(names[0]) == len(names[1]) == 45
    assert not names[0] & names[1]


def test_a_later_flag_replaces_a_flagfiles_from_any_folder(run):
    out, _ = run(
        "--flagfile=flags/quickstart.flags",
        "--strategy=fine_tune",
        "--trials=1",
        "--dry_run",
        tensorflow=False,
    )
    assert "fine_tune" in out
    assert "lr_rewind" not in out
    assert "trial_2" not in out


@pytest.mark.slow
def test_a_training_that_diverges_fails_alone_and_is_listed_at_the_end(run, tools):
    flags = ["--network=lenet_300_100_x0.1", "--epochs=3", "--density=0.8", "--output_dir=out"]
    _, err = run(*flags, "--learning_rate=1e20", "--trials=2", status=1)
    assert err.count("the loss is not a finite number at step") == 4  # as it happens, and in the list
    assert "2 stages failed, and 2 that build on them were not run" in err
    assert "Try a smaller --learning_rate" in err
    # What failed is a result too: it is not tried again without being told to, and others go on beside it.
    out, err = run(*flags, "--learning_rate=1e20", "--trials=2", status=1, tensorflow=False)
    assert "--retry_failed" in err
    out, _ = run(*flags, "--trials=1")
    assert "weight_rewind" in out


def test_layers_of_their_own_densities_are_pruned_and_retrained_by_turns(run):
    """Han et al. 2015 in small: dense layers, then convolutions, twice; what is held stays bit for bit."""
    flags = [
        "--network=lenet_5_x0.2", "--epochs=2", "--retrain_epochs=1", "--trials=1", "--strategy=tenth_rate_fine_tune",
        "--heuristic=layer_magnitude", "--layer_density=conv_1:0.9,conv_2:0.7,hidden:0.6,logits:0.8", "--by_turns",
        "--remove_dead_units",
    ]  # fmt: skip
    out, _ = run(*flags)
    store = Store(run.folder / "runs")
    found = check(store)
    assert (found.faults, dict(found.unchecked)) == ([], {})
    results = sorted(store.results({}), key=lambda result: result["search_cost"])
    turns = [result["heuristic"].split("+")[-1] for result in results[1:]]
    assert turns == ["dense_layers", "convolutional_layers"] * (len(turns) // 2)
    assert len(turns) > 2
    states = [checkpoint.read(store.final(result["stage"]))[0] for result in results]
    for before, after, result in zip(states, states[1:], results[1:], strict=False):
        held = "conv" if "dense" in result["heuristic"] else "hidden"
        mask = after[f"masks/{held}/kernel"] != 0
        assert np.array_equal(before[f"weights/{held}/kernel"] * mask, after[f"weights/{held}/kernel"])
    assert "layer_magnitude+by_layer+live_units" in out
