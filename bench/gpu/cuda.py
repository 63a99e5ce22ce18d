"""The few calls of CUDA's driver that the programs make, by ctypes: any machine with a driver can run them."""

import ctypes
import uuid

OUT_OF_MEMORY = 2


class CudaError(Exception):
    """A call of the driver failed; `code` is its CUresult."""

    def __init__(self, function: str, code: int) -> None:
        super().__init__(f"{function} answered {code}")
        self.code = code


class Gpu:
    """The first GPU, its primary context current in this thread. Sizes are bytes."""

    def __init__(self) -> None:
        self._driver = ctypes.CDLL("libcuda.so.1")
        self._device, context = ctypes.c_int(), ctypes.c_void_p()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(self._device), 0)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._call("cuCtxSetCurrent", context)

    def uuid(self) -> str:
        """Its UUID as NVML writes it."""
        raw = (ctypes.c_ubyte * 16)()
        self._call("cuDeviceGetUuid_v2", raw, self._device)
        return f"GPU-{uuid.UUID(bytes=bytes(raw))}"

    def memory(self) -> tuple[int, int]:
        """What cuMemGetInfo shows as free and as total."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def allocate(self, size: int) -> int | None:
        """The address of new memory, or None where there is not enough."""
        address = ctypes.c_uint64()
        try:
            self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        except CudaError as error:
            if error.code == OUT_OF_MEMORY:
                return None
            raise
        return address.value

    def free(self, address: int) -> None:
        """Free what allocate gave."""
        self._call("cuMemFree_v2", ctypes.c_uint64(address))

    def _call(self, function: str, *arguments: object) -> None:
        code = getattr(self._driver, function)(*arguments)
        if code != 0:
            raise CudaError(function, code)
