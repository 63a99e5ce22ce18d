"""Programs that launch kernels which take time of a simulated device."""

# What follows the client's prelude: a module with kernels of each kind of cost.
KERNELS = r'''
PTX = b"""
.version 8.0
.target sm_80
.address_size 64
// .entry commented() {}
.visible .entry nothing() { ret; }
.visible .entry millisecond()
{
    .pragma "hami-sim cost=1000000";
    ret;
}
.visible .entry hour() { .pragma "hami-sim cost=3600000000000"; ret; }
.visible .entry by_blocks(.param .u32 unused) .maxntid 128, 1, 1 { .pragma "hami-sim cost=1000 per-block=10"; ret; }
.visible .entry by_argument(
    .param .u32 first,
    .param .align 8 .b8 pair[12],
    .param .u64 .ptr .global .align 16 pointer,
    .param .u64 ns
)
{
    /* { */ { .pragma "nounroll"; }
    .pragma "hami-sim argument=3";
    ret;
}
"""
import ctypes, time

def load():
    global module
    module = call("cuModuleLoadData", PTX)

def function(name):
    return call("cuModuleGetFunction", module, name.encode())

def launch(name, stream=0, grid=1, values=(), types=()):
    call("cuLaunchKernel", function(name), grid, 1, 1, 32, 1, 1, 0, stream, (tuple(values), tuple(types)), 0)

class Pair(ctypes.Structure):
    _fields_ = [("all", ctypes.c_char * 12)]

def busy(ns, stream=0):
    """Launch a kernel of so many ns."""
    values = ctypes.c_uint32(7), Pair(), ctypes.c_uint64(0), ctypes.c_uint64(ns)
    pointers = (ctypes.c_void_p * 4)(*(ctypes.addressof(value) for value in values))
    call("cuLaunchKernel", function("by_argument"), 1, 1, 1, 32, 1, 1, 0, stream, ctypes.addressof(pointers), 0)

def while_busy(act, stream=0, device=None):
    # What `act` returns, done while the stream is busy from beginning to end, however slow this machine is.
    ns = 10_000_000
    while True:
        if device is not None:
            start(device); load()
        gate = call("cuEventCreate", 2)
        busy(ns, stream)
        call("cuEventRecord", gate, stream)
        result = act()
        if error_of("cuEventQuery", gate) == "CUDA_ERROR_NOT_READY":
            return result
        call("cuCtxSynchronize")
        ns *= 2

def elapsed_ns(first, last):
    return round(call("cuEventElapsedTime", first, last) * 1e6)
'''
