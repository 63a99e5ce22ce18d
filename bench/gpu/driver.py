"""The CUDA driver's functions by name, by ctypes, with their error codes as they are."""

import ctypes

POINTER = ctypes.c_void_p


class Driver:
    """`driver("cuInit", 0)` returns the CUresult; `must` raises where that is not 0."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL("libcuda.so.1")
        self.must("cuInit", 0)

    def __call__(self, function: str, *arguments: object) -> int:
        code: int = getattr(self.library, function)(*arguments)
        return code

    def must(self, function: str, *arguments: object) -> None:
        """Call a function that is to succeed. Raises RuntimeError."""
        if code := self(function, *arguments):
            raise RuntimeError(f"{function} answered {code}")

    def handle(self, function: str, *arguments: object) -> ctypes.c_void_p:
        """What a function writes to its first parameter, a pointer to a handle."""
        made = POINTER()
        self.must(function, ctypes.byref(made), *arguments)
        return made

    def primary(self) -> ctypes.c_void_p:
        """The first device's primary context, which becomes current."""
        context = self.handle("cuDevicePrimaryCtxRetain", 0)
        self.must("cuCtxSetCurrent", context)
        return context

    def without_context(self) -> None:
        """Leave no context current."""
        context = POINTER()
        while self("cuCtxGetCurrent", ctypes.byref(context)) == 0 and context.value:
            self.must("cuCtxPopCurrent_v2", ctypes.byref(context))

    def allocate(self, size: int) -> ctypes.c_uint64:
        """The address of new device memory."""
        address = ctypes.c_uint64()
        self.must("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address
