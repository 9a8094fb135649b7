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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be with a mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_as_editors_write_it_is_read(project, encoding, end):
    text = end.join(["# für alle", "--output_dir=grün", ""])
    content = text.encode(encoding) if "mark" not in encoding else b"\xfe\xff" + text.encode("utf-16-be")
    (project / "flags/base.flags").write_bytes(content)
    assert expand(["run", "--flagfile=flags/base.flags"], fallback=project) == ["run", "--output_dir=grün"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])  # the second without its mark
def test_other_text_is_refused_with_its_line_but_not_for_a_comment(project, encoding):
    (project / "flags/base.flags").write_bytes("# grün\n--output_dir=grün\n".encode(encoding))
    with pytest.raises(FlagfileError, match=r"base.flags: line \d is no UTF-8 text .* save the file anew"):
        expand(["run", "--flagfile=flags/base.flags"], fallback=project)
    (project / "flags/base.flags").write_bytes("# grün\n--seed=1\n".encode("latin-1"))
    assert expand(["run", "--flagfile=flags/base.flags"], fallback=project) == ["run", "--seed=1"]


def test_a_working_folder_that_was_removed_and_a_name_that_cannot_be_are_no_traceback(project, tmp_path, monkeypatch):
    with pytest.raises(FlagfileError, match=r"--flagfile=xxx.*: File name too long"):
        expand(["run", f"--flagfile={'x' * 300}"], fallback=project)
    with pytest.raises(FlagfileError, match="that home folder is not known"):
        expand(["run", "--flagfile=~nobody_of_this_name/x"], fallback=project)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert expand(["run", "--flagfile=flags/base.flags"], fallback=project) == ["run", "--density=0.5", "--trials=3"]
    monkeypatch.chdir(tmp_path)


def test_an_unknown_flagfile_is_answered_and_a_circle_refused(project):
    with pytest.raises(FlagfileError, match=r"no flagfile 'flags/bse.flags' .*Did you mean 'flags/base.flags'"):
        expand(["run", "--flagfile=flags/bse.flags"], fallback=project)
    with pytest.raises(FlagfileError, match="--flagfile is empty"):
        expand(["run", "--flagfile"], fallback=project)
    (project / "flags/base.flags").write_text("--flagfile=top.flags\n")
    with pytest.raises(FlagfileError, match="includes itself"):
        expand(["run", "--flagfile=flags/top.flags"], fallback=project)
