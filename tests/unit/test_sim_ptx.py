"""Kernels as the simulated driver finds them in PTX."""

import subprocess
from pathlib import Path

import pytest

from tests.native.sanitizers import Sanitizer
from tests.unit.vgpu.programs import compile_programs


@pytest.fixture(scope="session")
def program(sanitizer: Sanitizer | None) -> Path:
    return compile_programs(sanitizer, "sim") / "ptx"


def read(program: Path, text: str) -> list[str] | None:
    done = subprocess.run([program], input=text, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines() if done.returncode == 0 else None


# What real compilers write: attributes of kernels, alignments and spaces of parameters, braces in bodies, comments.
TEXT = """
.version 8.0
/* .entry none() { */
.visible .func (.param .b32 r) helper(.param .b64 x) { ret; }
.visible .entry one(
	.param .u64 .ptr .global .align 16 one_param_0,
	.param .u32 one_param_1, // , )
	.param .align 8 .b8 one_param_2[12],
	.param .u8 one_param_3,
	.param .u64 one_param_4
)
.maxntid 128, 1, 1
.minnctapersm 2
{
	.reg .b64 %rd<5>;
	.pragma "nounroll";
	{ .pragma "hami-sim cost=5000 per-block=10 argument=4"; }
	ret;
}
.entry two { ret; }
.entry three() { .pragma "hami-sim cost=18446744073709551615"; }
"""


def test_what_a_text_has(program: Path) -> None:
    assert read(program, TEXT) == [
        "one 5000 10 4 0+8 8+4 16+12 28+1 32+8",
        "two 0 0 -",
        "three 18446744073709551615 0 -",
    ]


def test_a_text_without_kernels(program: Path) -> None:
    assert read(program, ".version 8.0\n.target sm_80\n") == []


@pytest.mark.parametrize(
    "text",
    [
        '.entry a() { .pragma "hami-sim cost=fast"; }',
        '.entry a() { .pragma "hami-sim speed=9"; }',
        '.entry a() { .pragma "hami-sim argument=0"; }',
        '.entry a(.param .u32 x) { .pragma "hami-sim argument=0"; }',
        ".entry a() { {",
        ".entry a(.param .u32 x",
        ".entry a",
        ".entry a(" + ", ".join([".param .u8 x"] * 257) + ") {}",
    ],
)
def test_what_cannot_be_read_is_refused(program: Path, text: str) -> None:
    assert read(program, text) is None
