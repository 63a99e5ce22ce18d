"""NVIDIA's own computation of what a container needs to reach a GPU."""

from dataclasses import dataclass
from pathlib import Path

from .cdi_spec import CdiSpec, CdiSpecError, parse_spec
from .programs import ProgramError, run_program

_TIMEOUT_SECONDS = 120  # drivers without persistence wake each GPU first


class NvidiaCtkError(Exception):
    """nvidia-ctk did not give a spec; the text says why."""


@dataclass(frozen=True, slots=True)
class NvidiaCtk:
    """The tool `nvidia-ctk`, and the program on the host that the hooks in its answer run."""

    program: Path
    hook_on_host: Path

    async def generate(self, driver_root: Path, host_driver_root: Path) -> CdiSpec:
        """The spec of all GPUs of the driver below `driver_root`, which the host has at `host_driver_root`.

        Takes about as long as `nvidia-smi`. Raises NvidiaCtkError.
        """
        answer = await self._run(
            *("cdi", "generate", "--format", "json", "--mode", "nvml", "--device-name-strategy", "uuid"),
            *("--driver-root", str(driver_root), "--dev-root", str(driver_root)),
            *("--nvidia-cdi-hook-path", str(self.hook_on_host)),
        )
        if host_driver_root != driver_root:
            roots = ("--from", str(driver_root), "--to", str(host_driver_root), "--relative-to", "host")
            answer = await self._run("cdi", "transform", "root", *roots, given=answer)
        try:
            return parse_spec(answer)
        except CdiSpecError as error:
            raise NvidiaCtkError(f"the answer of {self.program} is not a CDI spec: {error}") from error

    async def _run(self, *arguments: str, given: bytes = b"") -> bytes:
        command = [str(self.program), "--quiet", *arguments]
        try:
            return await run_program(command, given=given, seconds=_TIMEOUT_SECONDS)
        except ProgramError as error:
            raise NvidiaCtkError(str(error)) from error
