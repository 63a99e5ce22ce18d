"""Who gets which function: exports, dlsym in all its forms, cuGetProcAddress."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from hami_dra.native import lib
from tests.unit.vgpu.container import GIB, NOT_FOUND, OUT_OF_MEMORY, SUCCESS, Container, preload

OURS = "libvgpu.so"


def _table(container: Container) -> list[list[str]]:
    return [line.split() for line in container.run(container.programs / "table").stdout.splitlines()]


def test_nothing_but_hooked_functions_is_exported(container: Container) -> None:
    listed = container.run(container.programs / "elf", lib("libvgpu.so")).stdout.splitlines()
    exported = {line.split()[1] for line in listed if line.startswith("exports")}
    assert exported == {row[2] for row in _table(container)} | {"dlopen", "dlmopen", "dlsym", "dlvsym"}


def test_every_name_begins_with_what_a_program_asks_cugetprocaddress_for(container: Container) -> None:
    assert [row for row in _table(container) if not row[2].startswith(row[3])] == []


def _answers(container: Container, *driver: str, **environment: str) -> dict[str, str]:
    done = container.run(container.programs / "linked", *driver, **environment)
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.parametrize("scope", ["local", "global"])
def test_who_asks_the_driver_for_a_hooked_function_gets_ours(container: Container, scope: str) -> None:
    answers = _answers(container, "libcuda.so.1", scope)
    assert answers["handle"] == answers["default"] == answers["program"] == OURS
    if scope == "global":
        assert answers["next"] == answers["next-again"] == OURS


ASKED_OF_THE_DRIVER = {"handle", "handle-version", "handle-absent", "default", "program", "next", "next-again"}


@pytest.mark.parametrize("driver", [[], ["libcuda.so.1", "local"], ["libcuda.so.1", "global"], ["{oldest}", "local"]])
def test_everything_else_is_answered_as_without_us(container: Container, driver: list[str]) -> None:
    driver = [word.format(oldest=container.programs / "oldest/libcuda.so.1") for word in driver]
    with_us, without_us = _answers(container, *driver), _answers(container, *driver, LD_PRELOAD=preload())
    ours = {question for question, answer in with_us.items() if answer == OURS}
    assert ours <= (ASKED_OF_THE_DRIVER if driver else set())
    for question in with_us.keys() - ours:
        assert with_us[question] == without_us[question], question
    assert with_us["foreign"] == "libforeign.so"


def _loading(container: Container, how: str, path: Path, **environment: str) -> dict[str, str]:
    done = container.run(container.programs / "loading", how, path, **environment)
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


HELD = {"linked": OURS, "looked-up": OURS, "1025": str(OUT_OF_MEMORY), "1024": str(SUCCESS)}


@pytest.mark.not_sanitized(reason="the sanitizer refuses RTLD_DEEPBIND and cannot be loaded into a second namespace")
@pytest.mark.parametrize("how", ["deepbind", "inside"])
def test_a_library_that_would_find_the_driver_first_gets_ours(container: Container, how: str) -> None:
    """With RTLD_DEEPBIND, or in a namespace of its own, where nothing is preloaded: it has 1 GiB."""
    container.grant(0, GIB)
    plugin = container.programs / "libplugin.so"
    assert _loading(container, how, plugin) == HELD
    assert _loading(container, how, plugin, LD_PRELOAD="") == {
        "linked": "libcuda.so.1",
        "looked-up": "libcuda.so.1",
        "1025": str(SUCCESS),
        "1024": str(SUCCESS),
    }


@pytest.mark.not_sanitized(reason="the sanitizer cannot be loaded into a second namespace")
def test_a_program_makes_as_many_namespaces_as_without_us(container: Container) -> None:
    """Where it loads nothing in the end, or closes what it has loaded, our copy does not stay either."""
    with_us, without_us = (container.run(container.programs / "namespaces", **env) for env in ({}, {"LD_PRELOAD": ""}))
    assert with_us.stdout == without_us.stdout == "0 40 16\n"


@pytest.mark.not_sanitized(reason="the sanitizer cannot be loaded into a second namespace")
@pytest.mark.parametrize("how", ["namespace", "copy"])
def test_a_second_driver_gives_nothing(container: Container, tmp_path: Path, how: str) -> None:
    """Its memory would not be held: what we hook of it is not found."""
    container.grant(0, GIB)
    other = tmp_path / "other/usr/lib"
    shutil.copytree(container.machine.library_dir, other)
    answers = _loading(container, how, other / "libcuda.so.1")
    assert answers == {"found": OURS, "called": str(NOT_FOUND), "other": "libcuda.so.1"}


def test_a_function_that_the_driver_lacks_is_not_offered(container: Container) -> None:
    answers = _answers(container, str(container.programs / "oldest/libcuda.so.1"), "local")
    assert (answers["handle"], answers["handle-absent"]) == (OURS, "-")


def test_a_driver_may_give_the_newest_function_whichever_version_is_asked_for(container: Container) -> None:
    """With the first one's, a program's 64-bit sizes and addresses would be cut to 32 bits."""
    program = f"""
import ctypes, json
driver = ctypes.CDLL({str(container.programs / "versionless/libcuda.so.1")!r})
def address(function):
    return ctypes.cast(function, ctypes.c_void_p).value
given = []
for version in (2000, 3020, 12000):
    found = ctypes.c_void_p()
    assert driver.cuGetProcAddress_v2(b"cuMemAlloc", ctypes.byref(found), version, ctypes.c_uint64(1), None) == 0
    given.append(found.value == address(driver.cuMemAlloc_v2))
print(json.dumps(given))
"""
    assert container.python(program) == [True, True, True]


@pytest.mark.parametrize("driver", [[], ["oldest/libcuda.so.1"]])
def test_a_call_of_what_the_driver_lacks_fails_and_crashes_nothing(container: Container, driver: list[str]) -> None:
    """As in a program that was linked to a newer driver; the oldest one has nothing but cuMemAlloc_v2."""
    done = container.run(container.programs / "absent", *(container.programs / path for path in driver))
    assert done.returncode == 0
    missing = {"CUDA": "500", "NVML": "13"}
    expected = [f"{row[0]} {row[2]} {missing[row[0]]}" for row in _table(container)]
    if driver:
        expected[expected.index("CUDA cuMemAlloc_v2 500")] = "CUDA cuMemAlloc_v2 3"
    assert done.stdout.splitlines() == expected


PROC_ADDRESSES = """
import ctypes, json, sys

cuda = ctypes.CDLL("libcuda.so.1")
cuda.cuInit(0)
answers = []
for name, version, flags in json.loads(sys.argv[1]):
    address, status, flags = ctypes.c_void_p(), ctypes.c_int(-1), ctypes.c_uint64(flags)
    cuda.cuGetProcAddress_v2(name.encode(), ctypes.byref(address), version, flags, ctypes.byref(status))
    exported = [s for s in (name, name + "_v2", name + "_ptsz") if hasattr(cuda, s)]
    same = [s for s in exported if ctypes.cast(getattr(cuda, s), ctypes.c_void_p).value == address.value]
    answers.append([same, status.value])
print(json.dumps(answers))
"""
LEGACY, PER_THREAD = 1, 2
FOUND, UNKNOWN, TOO_OLD = 0, 1, 2


def test_cu_get_proc_address_answers_exactly_what_was_asked(container: Container) -> None:
    questions = {
        ("cuMemAlloc", 3020, LEGACY): (["cuMemAlloc_v2"], FOUND),
        ("cuMemAlloc", 13000, PER_THREAD): (["cuMemAlloc_v2"], FOUND),
        ("cuMemAlloc", 3000, LEGACY): (["cuMemAlloc"], FOUND),
        ("cuMemAllocManaged", 5050, LEGACY): ([], TOO_OLD),
        ("cuMemAllocAsync", 12000, LEGACY): (["cuMemAllocAsync"], FOUND),
        ("cuMemAllocAsync", 12000, PER_THREAD): (["cuMemAllocAsync_ptsz"], FOUND),
        ("cuMemAllocAsync", 11010, PER_THREAD): ([], TOO_OLD),
        ("cuGetProcAddress", 11030, LEGACY): (["cuGetProcAddress"], FOUND),
        ("cuGetProcAddress", 12000, LEGACY): (["cuGetProcAddress_v2"], FOUND),
        ("cuInit", 12000, LEGACY): (["cuInit"], FOUND),
        ("cuNoSuchFunction", 12000, LEGACY): ([], UNKNOWN),
    }
    done = container.run(sys.executable, "-c", PROC_ADDRESSES, json.dumps([list(question) for question in questions]))
    assert done.returncode == 0, done.stderr
    answers = [tuple(answer) for answer in json.loads(done.stdout)]
    assert answers == list(questions.values())
