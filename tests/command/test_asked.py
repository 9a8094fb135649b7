"""What is wrong with a flag: one sentence that begins with the flag as it was typed, before anything runs."""

import pytest
from absl.testing import flagsaver

from tf_lottery.command.asked import grids
from tf_lottery.command.flags import parse
from tf_lottery.command.main import main
from tf_lottery.experiments.plan import plan
from tf_lottery.rewinding.techniques import TECHNIQUES

COUNT = "expected 1 or more, at most a billion, a whole number"
DENSITY = "expected a number above 0, at most 1 (all weights); the smallest is 1e-10"
EPOCHS = "expected a number above 0, at most 30 (the T epochs of the dense training); the smallest is 1e-06"
WIDTH = "expected a width above 0, from 0.01 to 100 and written such as resnet20_x0.5"
RATE = "expected a number above 0, from 1e-37 to 1e37 (what float32 holds)"
SECONDS = "expected 0 or more, at most a billion, a number of seconds"
WORKERS = "expected auto, or a number of processes, 1 or more"
COMMA = "nothing stands before or after a comma"


BY_LAYER = ["--heuristic=layer_magnitude"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(*flags):
    """Return the exit status of a dry run, in this process."""
    with flagsaver.flagsaver():
        try:
            return main(parse(["run", *flags, "--dry_run"]))
        except SystemExit as end:
            return end.code


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        *((f"--trials={text}", COUNT) for text in ("0", "-1", "abc", "", "1e3", "1_0", "\u0663", "9" * 30, "nan")),
        *((f"--epochs={text}", COUNT) for text in ("0", "1.5", "\u00b2")),
        *((f"--batch_size={text}", COUNT) for text in ("0", "1e3", "inf")),
        *((f"--seed={text}", "expected 0 or more, below 2^63") for text in ("-1", "1.0", str(2**63), "9" * 5000)),
        *((f"--learning_rate={text}", RATE) for text in ("nan", "inf", "-1", "0", "1e-320", "1e39", "1_0", "x", "")),
        *((f"--fine_tune_rate={text}", RATE) for text in ("nan", "inf", "-1", "0", "x", "")),
        *((f"--warmup_epochs={text}", "expected 0 or more, ") for text in ("nan", "inf", "-1", "30", "x", "")),
        *((f"--rounds={text}", "expected 1 or more, at most 200, a whole number") for text in ("0", "201", "x", "1.5")),
        *((f"--evaluate_steps={text}", "expected 0 or more, ") for text in ("-1", "1.5", "x", "")),
        *((f"--rewind_step={text}", "from 0 (initialisation) to 607") for text in ("608", "-1", "1.5", "x")),
        *((f"--data_order_seed={text}", "expected a whole number, 1 or more") for text in ("0", "-1", "x", "1.5")),
        *((f"--{flag}=", f"--{flag} is empty: expected one") for flag in ("rewind_step", "controls")),
        ("--controls=reinit", "unknown controls 'reinit'. Did you mean 'random_reinit'?"),
        ("--controls=random_mask", "with --heuristic=global_magnitude: there is no such control of it. Expected one"),
        ("--lr_schedule=cosin", "unknown lr_schedule 'cosin'. Did you mean 'cosine'?"),
        *((f"--checkpoint_seconds={text}", SECONDS) for text in ("nan", "inf", "-1", "soon")),
        *((f"--workers={text}", WORKERS) for text in ("0", "-1", "many", "1.5", "\u0663", "\u00b2", "")),
        *((f"--density={text}", DENSITY) for text in ("1e-12", "1e-400", "0", "-0.5", "1.5", "nan", "inf", "half")),
        *((f"--retrain_epochs={text}", EPOCHS) for text in ("0", "1e-9", "31", "inf", "all")),
        *((f"--network=resnet20_x{text}", WIDTH) for text in ("0", "1e9", "1000000000", "0.0001", "\u0663", "-1", "")),
        *((f"--{flag}=", f"--{flag} is empty: expected one") for flag in ("strategy", "density", "recipe", "data_dir")),
        ("--lr_schedule=", "--lr_schedule is empty: expected one value"),
        ("--output_dir=", "--output_dir is empty: expected one value"),
        *((f"--{text}", COMMA) for text in ("density=0.5,,0.2", "strategy=lr_rewind,", "retrain_epochs=,3")),
        ("--download=maybe", "expected true or false"),
        ("--verbosity=loud", "expected a whole number"),
        ("--epochs=2000000", "expected 1 to 1000000"),
        ("--batch_size=2000", "expected 1 to 1297"),
        ("--trials=1000000000", "makes 15,000,000,000 stages: expected at most 100,000"),
        ("--strategy=weight_rewnd", "unknown strategy 'weight_rewnd'. Did you mean 'weight_rewind'?"),
        ("--dataset=fasion_mnist", "Did you mean 'fashion_mnist'?"),
        ("--network=resnt20", "Did you mean 'resnet20'?"),
        ("--network=resnt20_x2", "Did you mean 'resnet20'?"),
        ("--heuristic=global", "unknown heuristic 'global'."),
        ("--schedule=iterativ", "Did you mean 'iterative'?"),
        ("--executor=locl", "Did you mean 'local'?"),
        ("--recipe=lenet_digit", "Did you mean 'lenet_digits'?"),
        ("--jit=yes", "Known: auto, off, on"),
        ("--input=streem", "Did you mean 'stream'?"),
        ("--precision=mixed_bfloat", "Did you mean 'mixed_bfloat16'?"),
        ("--heuristic=structured_a", "prunes once, as in the paper: expected --schedule=one_shot"),
        ("--flagfile=flags/quikstart.flags", "Did you mean 'flags/quickstart.flags'?"),
        ("--output_dir=~nobody_of_this_name/x", "that home folder is not known"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_sentence_that_names_the_flag_as_typed(folder, capsys, flag, message):
    assert ask(flag) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    name, _, value = flag.partition("=")
    as_typed = [f"{name}={each}" for each in (value, *value.split(","))] if value else [name]
    assert any(err.startswith((f"run_experiment: {each}: ", f"run_experiment: {each} ")) for each in as_typed) or (
        not value and err.startswith(f"run_experiment: {flag}: ")
    )
    assert len(err.splitlines()) == 1
    assert "inf" not in err.replace(flag, "")
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--densty=0.5"], "Unknown command line flag 'densty'. Did you mean: density, density_of? See --help."),
        (["--notrials"], "Did you mean: trials?"),
        (["weight_rewind"], "unexpected 'weight_rewind': flags begin with --"),
        (["--trials"], "--trials=--dry_run: expected 1 or more"),
        (["--flagfile="], "--flagfile is empty: expected a file. Known: flags/"),
        (
            ["--recipe=lth_lenet_adam", "--strategy=one_cycle_restart"],
            "trains with adam, which has none; expected a recipe with momentum_sgd. cyclic_lr_restart moves the rate",
        ),
        (["--warmup_epochs=2", "--lr_schedule=one_cycle"], "begins with a warm-up of its own"),
        (
            ["--remove_dead_units", "--network=resnet20"],
            "expected a network each of whose layers reads the one before it",
        ),
        (["--recipe=lenet_mnist_dropout", "--network=resnet20"], "a network that takes it: lenet_300_100, lenet_5."),
        (
            ["--schedule=at_initialization", "--strategy=lr_rewind"],
            "nothing is trained yet when it prunes. Expected one of weight_rewind, low_lr_weight_rewind, reinit",
        ),
        (
            ["--schedule=at_initialization", "--retrain_epochs=5"],
            "--retrain_epochs=5: expected T = 30, all of the training. Leave it out.",
        ),
        (["--density_of=layers"], "--density_of=layers: unknown density_of 'layers'. Known: channels, flops, weights"),
        (
            ["--density_of=flops"],
            "--density_of=flops: density_of is 'flops' with global_magnitude, which prunes weights",
        ),
        (["--kept_per_level=1"], "--kept_per_level=1: expected a number from 0.01 to 0.999, the share that stays"),
        (["--final_epochs=31"], "--final_epochs=31: expected at most T = 30"),
        (
            ["--final_epochs=1", "--schedule=one_shot"],
            "--final_epochs with --schedule=one_shot: expected --schedule=iterative",
        ),
        (
            [*BY_LAYER, "--kept_per_level=0.5", "--layer_density=hidden_1:0.1,hidden_2:0.2,logits:0.5"],
            "--kept_per_level with --layer_density: expected --schedule=iterative and --density",
        ),
        (["--by_turns"], "--by_turns without --layer_density: expected the densities"),
        (
            ["--layer_density=logits:0.5", "--density=0.5"],
            "the density follows from the layers'. Expected one of the two",
        ),
        (
            ["--layer_density=logits:0.5", "--heuristic=random"],
            "--layer_density=logits:0.5: random does not prune by layer; expected, for densities by layer, layer_magn",
        ),
        ([*BY_LAYER, "--layer_density=logits:0.5"], "lacks hidden_1, hidden_2: expected each layer once"),
        ([*BY_LAYER, "--layer_density=logit:0.5"], "no layer 'logit'. Did you mean 'logits'?"),
        ([*BY_LAYER, "--layer_density=logits"], "'logits' has no colon; expected a layer and its density"),
        ([*BY_LAYER, "--layer_density=logits:half"], "'half' is no number; expected a layer and its density"),
        ([*BY_LAYER, "--layer_density=logits:0"], "density of logits is 0; expected above 0"),
        (
            [*BY_LAYER, "--by_turns", "--layer_density=hidden_1:0.5,hidden_2:0.5,logits:0.5"],
            "--by_turns with --strategy=weight_rewind: expected trained weights: fine_tune",
        ),
        (["--rounds=3", "--density=0.5"], "--rounds=3 with --density: the density follows from the rounds."),
        (
            ["--rounds=3", *BY_LAYER, "--layer_density=logits:0.5,hidden_1:0.5,hidden_2:0.5"],
            "--rounds=3 with --layer_density",
        ),
        (
            ["--rounds=3", "--heuristic=structured_a", "--network=resnet56", "--schedule=one_shot"],
            "--rounds=3 with --heuristic=structured_a: it prunes once. Use --density.",
        ),
        (["--schedule=at_initialization", "--rewind_step=3"], "--rewind_step=3: expected 0, where it trains from"),
        (
            ["--schedule=at_initialization", "--controls=random_reinit"],
            "--controls with --schedule=at_initialization: expected one_shot or iterative",
        ),
        (["--rewind_step=3", "--retrain_epochs=3"], "each says how far to rewind. Expected one of the two"),
        (
            ["--controls=shuffled_mask", *BY_LAYER, "--layer_density=logits:0.5,hidden_1:0.5,hidden_2:0.5"],
            "--controls with --layer_density: expected --density or --rounds",
        ),
        (["--heuristic=structured_a", "--schedule=one_shot"], "rates for resnet56 and resnet110 only"),
        (
            ["--heuristic=random,structured_a", "--schedule=one_shot", "--density=0.5", "--network=resnet56"],
            "0.8458, 0.7788, 0.7172, 0.6655. Each heuristic has densities of its own: leave out --density",
        ),
    ],
)
def test_what_is_no_flag_or_does_not_go_together_is_one_sentence(capsys, flags, message):
    assert ask(*flags) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("schedule", ["cosine", "linear", "one_cycle"])
def test_what_goes_on_at_the_last_rate_asks_for_one_where_that_is_near_0_and_nothing_else_does(capsys, schedule):
    flags = ("--dataset=fashion_mnist", f"--lr_schedule={schedule}")
    for name, row in TECHNIQUES.items():
        at_the_last = name in ("fine_tune", "low_lr_weight_rewind", "reinit")
        assert ask(*flags, f"--strategy={name}") == (2 if at_the_last else 0), row
        if at_the_last:
            told = capsys.readouterr().err
            assert told.startswith(f"run_experiment: --strategy={name}: the training ends at a learning rate of ")
            assert "expected a rate to fine-tune at. Name one, such as 0.0005, with --fine_tune_rate" in told
            assert ask(*flags, f"--strategy={name}", "--fine_tune_rate=0.0005") == 0
            recipe = ("--dataset=fashion_mnist", f"--recipe=lenet_fashion_mnist_{schedule}")
            assert ask(*recipe, f"--strategy={name}") == 0


@pytest.mark.parametrize(("schedule", "levels"), [("one_shot", (3, 7, 10, 14)), ("iterative", range(1, 15))])
def test_without_a_density_the_plan_goes_down_to_the_papers_lowest_of_two_networks(schedule, levels):
    """Levels of 0.8: the fourteenth keeps 4.4%."""
    with flagsaver.flagsaver():
        parse(["run", f"--schedule={schedule}"])
        found = {spec.density for grid in grids() for spec in grid.specs() if hasattr(spec, "density")}
    assert sorted(found) == pytest.approx(sorted(0.8**level for level in levels), abs=5e-5)


def test_a_working_folder_that_was_removed_is_told(folder, monkeypatch, capsys):
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    assert ask("--output_dir=out") == 2
    assert "--output_dir=out: the working folder was removed." in capsys.readouterr().err
    assert ask(f"--output_dir={folder}/out") == 0


def test_help_fits_into_a_terminal_of_104_columns(capsys):
    assert ask("--help") == 0
    lines = capsys.readouterr().out.splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("  --"))
    told = [line for line in lines[begin:] if line.startswith("  ")]
    assert len(told) > 20
    assert max(map(len, told)) <= 104
    assert all(line.startswith(("  --", " " * 24)) for line in told)


@pytest.mark.parametrize(
    "flags",
    [
        ["--learning_rate=.5"], ["--learning_rate=1E-3"], ["--density=1e-10"], ["--density=1.,0.5"], ["--trials=+2"],
        ["--trials=1", "--trials=2"], ["--nodownload"], ["--download=false"], ["--network=resnet20_x0.01"],
        ["--network=lenet_300_100_x100"], [f"--seed={2**63 - 1}"], ["--checkpoint_seconds=0"],
        ["--retrain_epochs=1e-6"],
    ],
)  # fmt: skip
def test_every_value_within_the_bounds_is_taken(capsys, flags):
    assert ask(*flags) == 0
    assert " stages, 0 done; " in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--schedule=one_shot", "--strategy=lr_rewind,reinit", "--density=0.5,0.2,0.2", "--retrain_epochs=1,2"],
        ["--heuristic=random,layer_magnitude", "--density=0.3,0.5", "--trials=7"],
        [*BY_LAYER, "--layer_density=hidden_1:0.1,hidden_2:0.2,logits:0.5", "--remove_dead_units"],
        [*BY_LAYER, "--rounds=4", "--controls=one_shot,random_mask,random_reinit,shuffled_mask", "--data_order_seed=1"],
        ["--rewind_step=0,5,607", "--rounds=2", "--evaluate_steps=9", "--schedule=one_shot"],
        ["--heuristic=map_taylor,apoz", "--density_of=channels", "--kept_per_level=0.9", "--final_epochs=2"],
        [
            *BY_LAYER,
            "--by_turns",
            "--network=lenet_5",
            "--strategy=lr_rewind",
            "--schedule=one_shot",
            "--layer_density=conv_1:0.66,conv_2:0.12,hidden:0.08,logits:0.19",
        ],
    ],
)
def test_a_grid_counts_its_specs_without_making_them(flags):
    with flagsaver.flagsaver():
        parse(["run", *flags])
        (grid,) = grids()
    assert grid.size == len(list(grid.specs())) == len(plan(grid.specs()))
