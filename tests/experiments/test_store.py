import errno
import json
import logging as python_logging
import multiprocessing
import os
import shutil

import pytest

from tf_lottery.experiments.spec import TrainSpec
from tf_lottery.experiments.store import Store, StoreError, explain, point_path, write_text
from tf_lottery.networks.recipes import resolve

SPEC = TrainSpec(
    network="lenet_300_100", dataset="digits", training=resolve("lenet_digits", examples=1297), seed=0, trial=1
)
NAME = SPEC.name


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def result(measured):
    return measured(SPEC)


@pytest.fixture
def done(store, result):
    """A store that holds one stage."""
    store.partial(NAME).mkdir(parents=True, exist_ok=True)
    store.commit(NAME, result)
    return store


def others(store):
    """Return the names beside the stage's folder, dots and all."""
    return sorted(path.name for path in store.folder(NAME).parent.iterdir())


def test_a_stage_is_there_and_whole_or_not_there(store, result):
    assert store.result(NAME) is None
    store.partial(NAME).mkdir(parents=True)
    (store.partial(NAME) / "resume.safetensors").write_text("state")
    assert not store.is_done(NAME)
    store.commit(NAME, result)
    assert store.is_done(NAME)
    assert store.result(NAME) == result
    assert sorted(path.name for path in store.folder(NAME).iterdir()) == ["result.json"]
    assert not store.partial(NAME).exists()
    assert store.results({}) == [result]
    assert store.results({NAME: {"known": "already"}}) == [{"known": "already"}]


def test_a_result_that_is_none_is_not_committed(store, result):
    store.partial(NAME).mkdir(parents=True)
    for wrong in ({"status": "done"}, result | {"stage": "another"}, result | {"test_accuracy": None}):
        with pytest.raises(ValueError, match="please report it"):
            store.commit(NAME, wrong)
    assert not store.folder(NAME).exists()


BROKEN = {
    "nothing": ("", "is damaged"),
    "cut": ('{"status": "do', "is damaged"),
    "no text": (b"\xff\xfe\x00", "is damaged"),
    "deep": ("[" * 100_000, "is damaged"),
    "a list": ("[]", "holds list where a result is expected"),
    "null": ("null", "holds NoneType"),
    "no keys": ("{}", "is of another stage, None"),
    "few keys": (json.dumps({"stage": NAME, "status": "done", "test_accuracy": 0.5}), "lacks network, dataset"),
    "no number": ({"test_accuracy": "high"}, "lacks test_accuracy, or has something else there"),
    "another status": ({"status": "good"}, "has the status 'good', not done or failed"),
    "another stage's": ({"stage": "digits/lenet_300_100/trial_2/dense-00000000"}, "is of another stage, digits/"),
    "no message": ({"status": "failed"}, "lacks message"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_or_foreign_result_is_set_aside_with_one_sentence(done, result, case, caplog):
    content, told = BROKEN[case]
    content = json.dumps(result | content) if isinstance(content, dict) else content
    path = done.folder(NAME) / "result.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with caplog.at_level(python_logging.WARNING):
        assert done.results({}) == []  # of whichever plan it is: nothing is touched
        assert others(done) == [path.parent.name]
        assert "left out of the table" in caplog.text
        caplog.clear()
        assert done.result(NAME) is None
    (record,) = caplog.records
    assert record.message.startswith(f"{path} {told}")
    assert record.message.endswith(f"Set aside as {path.parent.with_name(f'.{path.parent.name}.damaged_1')}; "
                                   "the stage is done again.")  # fmt: skip
    assert not done.is_done(NAME)
    assert others(done) == [f".{path.parent.name}.damaged_1"]


def test_a_result_that_is_a_folder_is_set_aside(done):
    path = done.folder(NAME) / "result.json"
    path.unlink()
    path.mkdir()
    assert done.result(NAME) is None
    assert not done.folder(NAME).exists()


def test_what_somebody_else_works_on_is_not_set_aside(done):
    (done.folder(NAME) / "result.json").write_text("")
    with Store(done.root).claim(NAME):
        assert done.result(NAME) is None
    assert done.folder(NAME).exists()


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "dangling link"])
def test_what_stands_where_a_stage_is_to_be_is_set_aside_before_it_and_at_its_end(store, result, kind, caplog):
    folder = store.folder(NAME)

    def block():
        folder.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            folder.write_text("")
        elif kind == "dangling link":
            folder.symlink_to("nowhere")
        else:
            folder.mkdir()
            if kind == "folder":
                (folder / "final.safetensors").write_text("copied")

    block()
    store.make_room(NAME)
    assert not os.path.lexists(folder)
    assert "has no result.json: it is no whole stage. Set aside as" in caplog.text
    store.partial(NAME).mkdir()
    block()
    store.commit(NAME, result)
    assert store.result(NAME) == result
    store.make_room(NAME)
    assert store.result(NAME) == result  # a whole stage stays


COPIES = ["{} (copy)", "{}-old", "{} (conflicted copy 2026-11-25)", "x{}", "{}_2"]


@pytest.mark.parametrize("form", COPIES)
def test_a_copied_or_renamed_stage_is_no_row_and_is_told_once(done, result, form, caplog):
    folder = done.folder(NAME)
    copy = folder.with_name(form.format(folder.name))
    shutil.copytree(folder, copy)
    assert done.results({}) == [result]
    assert done.results({}) == [result]
    (record,) = caplog.records
    assert record.message == f"{copy}/result.json is of another stage, {NAME}. It is left out of the table."
    shutil.rmtree(folder)
    assert Store(done.root).results({}) == []
    assert copy.is_dir()


def test_copies_of_a_trial_a_network_and_a_dataset_are_no_rows_and_are_told_together(done, result, caplog):
    trial = done.folder(NAME).parent
    for folder in (trial, trial.parent, trial.parent.parent):
        shutil.copytree(folder, folder.with_name(folder.name + " (1)"))
    assert done.results({}) == [result]
    (record,) = caplog.records
    assert record.message.endswith("It is left out of the table, and so are 6 more.")  # copies of copies among them


def test_what_programs_that_copy_leave_is_no_row(done, result, caplog):
    trial = done.folder(NAME).parent
    (trial / ".DS_Store").write_text("")
    (trial / "desktop.ini").write_text("")
    (trial / "._dense-00000000").write_text("")
    (done.stages / "__MACOSX").mkdir()
    shutil.copytree(done.folder(NAME), trial / "dense-00000000.partial")
    (trial / "dense-00000001.partial (copy)").mkdir()
    (done.folder(NAME) / "result (conflicted copy).json").write_text("[]")
    assert done.results({}) == [result]
    assert caplog.text == ""


def test_points_are_those_that_are_named_as_such(store):
    folder = store.partial(NAME) / "points"
    folder.mkdir(parents=True)
    copies = ["step_00000001 (copy).safetensors", "step_x.safetensors", ".step_00000004.safetensors.12ab34cd"]
    for name in ("step_00000020.safetensors", "step_00000003.safetensors", *copies):
        (folder / name).write_text("")
    assert store.points(NAME) == {step: point_path(store.partial(NAME), step) for step in (3, 20)}


def age(path, seconds):
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


LITTER = [
    ".results.csv.12ab34cd", ".format.json.12ab34cd", "figures/.accuracy-digits.png.12ab34cd",
    f"stages/{NAME}/.result.json.4711", f"stages/{NAME}/points/.step_00000001.safetensors.12ab34cd",
    f"stages/{NAME}/.final.safetensors.Xy12zZ",
    "stages/digits/lenet_300_100/figures/.events.out.tfevents.0000000000.accuracy-digits.12ab34cd",
]  # fmt: skip
NO_LITTER = [
    "results.csv",
    ".hidden",
    ".results.csv",
    f"stages/{NAME}/metrics.csv",
    f"stages/{NAME}/.final.safetensors",
    # A user's own, where --output_dir is a home or a project: nothing there is ours but what a run writes.
    ".settings.json.backup",
    ".results.csv.mine",
    ".notes.csv.12ab34cd",
    "figures/.logo.svg.old",
    "figures/drafts/.plot.png.12ab34cd",
    "elsewhere/.data.json.backup",
    "elsewhere/.results.csv.12ab34cd",
]


def test_old_temporary_files_are_swept_and_new_ones_and_others_are_not(done):
    paths = {name: done.root / name for name in LITTER + NO_LITTER}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    done.sweep()
    done.sweep_stages()
    assert all(path.exists() for path in paths.values())  # somebody may be writing
    for path in paths.values():
        age(path, 3600)
    done.sweep()
    among = {name for name in LITTER if name.startswith("stages/")}
    assert {name for name, path in paths.items() if path.exists()} == {*NO_LITTER, *among}
    done.sweep_stages()
    assert {name for name, path in paths.items() if path.exists()} == set(NO_LITTER)


def test_before_a_stage_begins_its_own_temporary_files_are_swept_however_new(store):
    path = store.partial(NAME) / "points/.step_00000001.safetensors.99"
    path.parent.mkdir(parents=True)
    path.write_text("")
    store.make_room(NAME)
    assert not path.exists()


def test_the_beginning_of_a_stage_that_is_done_is_swept_unless_somebody_works_on_it(done):
    done.partial(NAME).mkdir()
    other = SPEC.name.replace("trial_1", "trial_2")
    done.partial(other).mkdir(parents=True)
    with Store(done.root).claim(NAME):
        done.sweep_stages()
        assert done.partial(NAME).exists()
    done.sweep_stages()
    assert not done.partial(NAME).exists()
    assert done.partial(other).exists()


def test_a_beginning_that_says_it_is_another_stages_is_set_aside(store, caplog):
    folder = store.partial(NAME)
    folder.mkdir(parents=True)
    for spec in (None, "", "[]", "{}", json.dumps({"digest": SPEC.digest})):
        if spec is not None:
            (folder / "spec.json").write_text(spec)
        store.set_foreign_beginning_aside(NAME, SPEC.digest)
        assert folder.exists()
    (folder / "spec.json").write_text(json.dumps({"digest": "0" * 64}))
    store.set_foreign_beginning_aside(NAME, SPEC.digest)
    assert not folder.exists()
    assert "is the beginning of another stage. Set aside" in caplog.text


def _hold(root, name, held, done):
    with Store(root).claim(name) as mine:
        held.put(mine)
        done.get()


def test_a_stage_is_claimed_by_one_process_and_free_when_that_dies(store):
    context = multiprocessing.get_context("spawn")
    held, done = context.Queue(), context.Queue()
    other = context.Process(target=_hold, args=(store.root, NAME, held, done), daemon=True)
    other.start()
    assert held.get(timeout=60) is True
    with store.claim(NAME) as mine:
        assert mine is False
    assert store.holder(NAME).process == other.pid
    assert store.holder(NAME).is_of_this_command  # as our worker
    other.kill()
    other.join()
    assert store.holder(NAME) is None
    with store.claim(NAME) as mine:
        assert mine is True


def test_a_file_is_written_whole_or_not_at_all_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "a.json"
    write_text(path, "first")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "second, and no text: \udcff")
    assert path.read_text() == "first"
    assert [found.name for found in tmp_path.iterdir()] == ["a.json"]


def test_a_store_of_a_newer_format_is_refused_and_left_alone(store):
    path = store.root / "format.json"
    path.write_text(json.dumps({"store_format": 99}))
    with pytest.raises(StoreError, match=r"format 99; this version of tf_lottery reads format 1. Update"):
        Store(store.root)
    assert json.loads(path.read_text()) == {"store_format": 99}


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_a_damaged_format_file_is_refused(store, text):
    (store.root / "format.json").write_text(text)
    with pytest.raises(StoreError, match=r"format\.json is damaged"):
        Store(store.root)


def test_a_file_where_the_store_should_be_is_one_clear_message(tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot use .*runs.*A file is where a folder should be"):
        Store(tmp_path / "runs")


def test_an_error_of_the_file_system_says_what_where_and_what_to_do(tmp_path):
    told = explain(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert told == (
        f"cannot use {tmp_path}: No space left on device. The disk is full: free some space, "
        "and run the same command again."
    )
