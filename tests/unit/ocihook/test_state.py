"""What hami-dra-oci-hook reads: its command line, and the container's state on standard input."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.ocihook.hook import ID, Hook


@pytest.fixture
def share(hook: Hook) -> Path:
    return hook.share("one", 0, 2**30)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (b"", "only a container runtime can run this"),
        (b" \n", "is not a JSON object"),
        (b"[]", "is not a JSON object"),
        (b"{", "is not a JSON object"),
        (b'{"id": "a", "pid": 1', "without an end"),
        (b'{"id": "a", "pid": 1,}', "is not a JSON object"),
        (b'{"id": "a" "pid": 1}', "without an end"),
        (b'{"id": "a", "pid": 1}{}', "more than one JSON object"),
        (b'{"id": "a", "pid": 1}\0', "more than one JSON object"),
        (b'{"pid": 1}', "has no id"),
        (b'{"id": "a"}', "has no pid"),
        (b'{"id": "a", "pid": 1, "id": "b"}', "has the key id twice"),
        (b'{"pid": 2, "id": "a", "pid": 1}', "has the key pid twice"),
        (b'{"id": 7, "pid": 1}', "id is not a string"),
        (b'{"id": "", "pid": 1}', "id has 0 bytes"),
        (b'{"id": "' + b"a" * 241 + b'", "pid": 1}', "id has 241 bytes"),
        (b'{"id": "../a", "pid": 1}', "not the plain name of a file: ../a"),
        (b'{"id": "a/b", "pid": 1}', "not the plain name of a file: a/b"),
        (b'{"id": "a\\u0062", "pid": 1}', "not the plain name of a file"),
        (b'{"id": "\xc3\xa4", "pid": 1}', "not the plain name of a file: ??"),
        (b'{"id": "a\xff", "pid": 1}', "not the plain name of a file: a?"),
        (b'{"id": ".a", "pid": 1}', "begins with a dot"),
        (b'{"id": "..", "pid": 1}', "begins with a dot"),
        (b'{"id": "a", "pid": "1"}', "pid is not a number"),
        (b'{"id": "a", "pid": 0}', "pid is no process's: 0"),
        (b'{"id": "a", "pid": -1}', "pid is no process's: -1"),
        (b'{"id": "a", "pid": 1.0}', "pid is no process's: 1.0"),
        (b'{"id": "a", "pid": 1e3}', "pid is no process's: 1e3"),
        (b'{"id": "a", "pid": 4294967297}', "pid is no process's: 4294967297"),
        (b'{"id": "a", "pid": 01}', "pid is no process's: 0"),
        (b'{"id": "a", "pid": 1, "x": nul}', "is not JSON in its key x"),
        (b'{"id": "a", "pid": 1, "x": "\n"}', "is not JSON in its key x"),
        (b'{"id": "a", "pid": 1, "x": "\\x"}', "is not JSON in its key x"),
        (b'{"id": "a", "pid": 1, "x": "\\u12"}', "is not JSON in its key x"),
        (b'{"id": "a", "pid": 1, "x": 1.}', "is not JSON in its key x"),
        (b'{"id": "a", "pid": 1, "x": [1,]}', "is not JSON in its key x"),
        (b'{"id": "a", "pid": 1, "x": ' + b"[" * 70 + b"]" * 70 + b"}", "is not JSON in its key x"),
        (b'{"id": "a", "pid": 1, "x\n', "is not a JSON object"),
        (b" " * 65537, "is longer than 65536 bytes"),
    ],
)
@pytest.mark.parametrize("enforce", ["driver", "library"])
def test_a_state_that_is_none_is_refused(hook: Hook, share: Path, enforce: str, state: bytes, reason: str) -> None:
    assert reason in hook.run(share, enforce, state=state)
    assert hook.notes(share) == {}
    assert hook.limits(0) == []


def test_a_state_has_more_than_we_want(hook: Hook, share: Path) -> None:
    annotations = {
        "a": [1, -2.5e-3, True, None, {"id": "x", "pid": 7}],
        'ä\n"\\': "\u2028" + "x" * 10000,
        "e": {},
        "l": [],
    }
    for state in (hook.state(annotations=annotations), json.dumps(json.loads(hook.state()), indent=1).encode()):
        assert hook.run(share, state=state) == ""
    padded = hook.state().ljust(65536)
    assert hook.run(share, state=padded) == ""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--share is missing"),
        (["--share", "/a/b", "--nvml", "/c"], "--enforce is missing"),
        (["--share", "/a/b", "--nvml", "/c", "--enforce"], "--enforce needs a value"),
        (["--share", "/a/b", "--nvml", "/c", "--enforce", "both"], "neither driver nor library"),
        (["--share", "/a/b", "--nvml", "/c", "--enforce", "driver", "--share", "/a/d"], "stands there twice"),
        (["--share", "a/b", "--nvml", "/c", "--enforce", "driver"], "not the absolute path of a share's folder"),
        (["--share", "/a/", "--nvml", "/c", "--enforce", "driver"], "not the absolute path of a share's folder"),
        (["--share", "/a", "--nvml", "/c", "--enforce", "driver"], "not the absolute path of a share's folder"),
        (["--share", "/a/b", "--nvml", "c.so", "--enforce", "driver"], "not an absolute path"),
        (["--share", "/a/b", "--nvml", "/c", "--enforce", "driver", "--timeout-ms", "1s"], "not a number from 1"),
        (["--fast", "yes"], "there is no option --fast"),
    ],
)
def test_a_command_line_that_is_none_is_refused(hook: Hook, arguments: list[str], reason: str) -> None:
    program = hook.command(hook.shares)[0]
    done = subprocess.run([program, *arguments], input=hook.state(), capture_output=True)
    assert done.returncode == 1
    assert reason in done.stderr.decode()


def test_a_runtime_that_does_not_end_the_state_is_not_waited_for_without_end(hook: Hook, share: Path) -> None:
    read, write = os.pipe()
    try:
        os.write(write, hook.state())
        done = subprocess.run(
            [*hook.command(share), "--timeout-ms", "100"], stdin=read, capture_output=True, timeout=60
        )
    finally:
        os.close(read)
        os.close(write)
    assert done.returncode == 1
    assert b"did not write the container's state within 100 ms" in done.stderr


def test_a_container_that_has_gone_is_refused(hook: Hook, share: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert "the container's process cannot be looked at" in hook.run(share, state=hook.state(pid=process.pid))
    assert hook.notes(share) == {}


def test_a_container_in_the_runtimes_own_cgroup_is_limited_by_nobody(hook: Hook, share: Path) -> None:
    """Its limit would be the runtime's and of all that it starts."""
    state = hook.state(pid=os.getpid())
    assert "no cgroup v2 of its own" in hook.run(share, state=state)
    assert hook.run(share, "library", state=state) == ""
    assert (hook.notes(share), hook.limits(0)) == ({}, [])


def test_a_note_tells_where_the_container_is(hook: Hook, share: Path, group: Path) -> None:
    leftover = share / "containers" / f".{ID}"
    leftover.write_text("of a hook that was killed")
    assert hook.run(share, "library", Path("/nonexistent/libnvidia-ml.so.1")) == ""
    assert hook.notes(share) == {ID: f"version 1\ncgroup {group}\npid {hook.pid}\nenforce library\n"}
    assert (share / "containers" / ID).stat().st_mode & 0o777 == 0o644
    assert hook.limits(0) == []


def test_a_share_without_a_folder_for_notes_is_refused(hook: Hook, share: Path) -> None:
    (share / "containers").rmdir()
    for enforce in ("driver", "library"):
        assert "has the plugin prepared the claim?" in hook.run(share, enforce)
