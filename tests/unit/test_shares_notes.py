from pathlib import Path

import pytest

from hami_dra.shares import CONTAINERS_DIR, ContainerNote, remove_note
from hami_dra.shares.notes import NoteError, notes_in

NOTE = "version 1\ncgroup /sys/fs/cgroup/kubepods/pod1/c1\npid 17\n"


def test_notes_are_read_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / CONTAINERS_DIR
    assert list(notes_in(tmp_path)) == []
    folder.mkdir()
    (folder / "c1").write_text(NOTE)
    (folder / ".c2.unfinished").write_text(NOTE)
    (folder / "c3").write_text("version 1\n")
    (folder / "c4").write_bytes(b"\xff\xfe")
    (folder / "c5").mkdir()
    assert list(notes_in(tmp_path)) == [ContainerNote("c1", Path("/sys/fs/cgroup/kubepods/pod1/c1"), 17)]
    remove_note(tmp_path, "c1")
    remove_note(tmp_path, "c1")
    assert list(notes_in(tmp_path)) == []


def test_newer_keys_are_passed_over() -> None:
    assert ContainerNote.parse("c1", NOTE + "runtime crun\nodd\n").pid == 17


@pytest.mark.parametrize(
    "text",
    [
        "",
        NOTE.replace("version 1", "version 2"),
        NOTE.replace("pid 17", "pid -1"),
        NOTE.replace("pid 17", "pid "),
        NOTE.replace("cgroup /", "cgroup "),
        NOTE.replace("version 1\n", ""),
        NOTE.replace("pid 17\n", ""),
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteError, match="container c1"):
        ContainerNote.parse("c1", text)
