import pytest

from tf_lottery.command.flagfiles import FlagfileError, expand


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "project/flags").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "project/flags/base.flags").write_text("# what it is\n\n--density=0.5\n  --trials=3  \n")
    (tmp_path / "project/flags/top.flags").write_text("--flagfile=base.flags\n--density=0.2,0.1\n")
    return tmp_path / "project"


def test_a_flagfile_is_found_from_any_folder_and_its_lines_stand_in_its_place(project):
    found = expand(["run", "--seed=1", "--flagfile=flags/base.flags", "--trials=5"], fallback=project)
    assert found == ["run", "--seed=1", "--density=0.5", "--trials=3", "--trials=5"]


def test_a_flagfile_inside_a_flagfile_is_found_beside_it(project):
    assert expand(["run", "--flagfile", "flags/top.flags"], fallback=project) == [
        "run", "--density=0.5", "--trials=3", "--density=0.2,0.1",
    ]  # fmt: skip


def test_an_unknown_flagfile_is_answered_and_a_circle_refused(project):
    with pytest.raises(FlagfileError, match=r"no flagfile 'flags/bse.flags' .*Did you mean 'flags/base.flags'"):
        expand(["run", "--flagfile=flags/bse.flags"], fallback=project)
    with pytest.raises(FlagfileError, match="no flagfile ''"):
        expand(["run", "--flagfile"], fallback=project)
    (project / "flags/base.flags").write_text("--flagfile=top.flags\n")
    with pytest.raises(FlagfileError, match="includes itself"):
        expand(["run", "--flagfile=flags/top.flags"], fallback=project)
