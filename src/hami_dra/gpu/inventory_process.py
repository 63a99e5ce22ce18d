"""Asks NVML in a process of its own, for no process lets go of the first driver's library that it has loaded."""

from pathlib import Path

import msgspec

from hami_dra.nvml.driver import NvmlUnavailableError
from hami_dra.nvml.gpu import Gpu

from .programs import NvmlSilentError, ProgramError, SilentProgramError, nvml_program, run_program

_TIMEOUT_SECONDS = 120  # drivers without persistence wake each GPU first


async def ask_inventory(driver_root: Path) -> tuple[Gpu, ...]:
    """The GPUs by minor number, of the driver that is installed now.

    Raises NvmlUnavailableError, and NvmlSilentError where they may well be there.
    """
    command = nvml_program("inventory", driver_root)
    try:
        answer = await run_program(command, seconds=_TIMEOUT_SECONDS)
        return msgspec.json.decode(answer, type=tuple[Gpu, ...])
    except SilentProgramError as error:
        raise NvmlSilentError(f"NVML gives {error.reason}") from error
    except ProgramError as error:
        raise NvmlUnavailableError(error.reason) from error
    except msgspec.DecodeError as error:
        raise NvmlUnavailableError(f"the answer of `{' '.join(command)}` is not understood: {error}") from error
