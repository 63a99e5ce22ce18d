"""What the driver does with a stream that is full: libvgpu.so and the simulator go by what others have seen of it."""

import ctypes
import threading
import time
from typing import Any

from bench.gpu.driver import Driver

_NON_BLOCKING = 1
_MOST = 100_000  # no stream is known to take so much
_STILL_S = 2.0  # who has put in nothing for so long is held up
_PATIENCE_S = 5.0
_SIZE = 1024  # bytes

_HostFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Filling:
    """A thread that records events in a stream that waits, until the stream goes on."""

    def __init__(self, cuda: Driver, context: ctypes.c_void_p) -> None:
        self._cuda, self._context = cuda, context
        self._stream, self._event = cuda.handle("cuStreamCreate", _NON_BLOCKING), cuda.handle("cuEventCreate", 0)
        self._may_go_on = threading.Event()
        self._wait = _HostFunction(lambda _: self._may_go_on.wait())
        self.recorded = 0
        cuda.must("cuLaunchHostFunc", self._stream, self._wait, None)
        self._thread = threading.Thread(target=self._record)
        self._thread.start()

    def _record(self) -> None:
        self._cuda.must("cuCtxSetCurrent", self._context)
        while self.recorded < _MOST and not self._may_go_on.is_set():
            self._cuda.must("cuEventRecord", self._event, self._stream)
            self.recorded += 1

    def is_held_up(self) -> bool:
        """Waits until it gets no further, which may be because it is done."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < _STILL_S:
            if self.recorded != seen:
                seen, since = self.recorded, time.monotonic()
            time.sleep(0.01)
        return self._thread.is_alive()

    def end(self) -> None:
        self._may_go_on.set()
        self._thread.join()
        self._cuda.must("cuCtxSynchronize")


def full_streams() -> dict[str, Any]:
    """How many events a stream takes behind a function of the host, and what others may do while one is held up."""
    cuda = Driver()
    context, address, other = cuda.primary(), cuda.allocate(_SIZE), cuda.handle("cuStreamCreate", _NON_BLOCKING)
    event = cuda.handle("cuEventCreate", 0)
    cuda.must("cuEventRecord", event, other)
    filling = _Filling(cuda, context)
    seen = {"held up": filling.is_held_up(), "events": filling.recorded}
    returned = {
        name: _returns(cuda, context, name, *arguments)
        for name, arguments in (
            ("cuEventQuery", (event,)),
            ("cuEventRecord", (event, other)),
            ("cuMemsetD8Async", (address, 0, ctypes.c_size_t(_SIZE), other)),
            ("cuStreamSynchronize", (other,)),
        )
    }
    filling.end()
    return seen | {"returns to another thread meanwhile": returned}


def _returns(cuda: Driver, context: ctypes.c_void_p, function: str, *arguments: object) -> bool:
    """Whether a call of a thread of its own comes back, whatever it answers."""

    def call() -> None:
        cuda.must("cuCtxSetCurrent", context)
        cuda(function, *arguments)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(_PATIENCE_S)
    return not thread.is_alive()


STREAM_FACTS = (full_streams,)
