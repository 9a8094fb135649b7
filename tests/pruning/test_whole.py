import pytest

from tf_lottery.pruning.whole import beside, check_place


def contents(folder):
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_is_replaced_whole(tmp_path):
    for old, new in (("one", "two"), ("two", "three")):
        with beside(tmp_path / "model") as written:
            written.mkdir()
            (written / new).write_text(new)
            assert old not in contents(tmp_path / "model") or contents(tmp_path / "model") == {old: old}
    assert contents(tmp_path) == {"model/three": "three"}


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_what_was_there_stays_if_the_new_one_fails(tmp_path, failure):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/old").write_text("old")

    def write():
        with beside(tmp_path / "model") as written:
            written.mkdir()
            (written / "new").write_text("half")
            raise failure

    with pytest.raises(failure):
        write()
    assert contents(tmp_path) == {"model/old": "old"}
    # Nothing was written: the old folder is out of the way already when that shows.
    with pytest.raises(FileNotFoundError), beside(tmp_path / "model"):
        pass
    assert contents(tmp_path) == {"model/old": "old"}
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("mine", ["assets/logo.svg", "variables/notes.txt", "saved_model.pb,notes.txt"])
def test_a_folder_of_somebody_s_is_not_taken_for_an_older_savedmodel(tmp_path, mine):
    for name in mine.split(","):
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_text("mine")
    with pytest.raises(FileExistsError, match="which is no part of a SavedModel"):
        check_place(tmp_path / "model", folder=True)


@pytest.mark.parametrize("files", [[], ["saved_model.pb", "fingerprint.pb"]])
def test_an_empty_folder_or_an_older_savedmodel_may_be_replaced(tmp_path, files):
    (tmp_path / "model").mkdir()
    for name in files:
        (tmp_path / "model" / name).touch()
    check_place(tmp_path / "model", folder=True)
