"""What keeps memory of the GPU, and until when, where libvgpu.so counts it by NVIDIA's documentation alone.

Sizes are in MiB: by how much less is free than when the program began.
"""

import ctypes
import itertools
from collections.abc import Callable
from typing import Any

from bench.gpu.driver import Driver

MIB = 2**20
_SIZE = 64  # MiB
_SPARSE, _DEFERRED = 0x40, 0x80  # flags of CUDA_ARRAY3D_DESCRIPTOR
_FLOAT = 0x20  # CUarray_format
_DEVICE, _NOWHERE = 1, 0  # CUmemLocationType
_PINNED, _MANAGED = 1, 2  # CUmemAllocationType
_TILE_POOL = 1
_MAP, _UNMAP = 1, 2  # CUmemOperationType
_RESERVED, _USED = 5, 7  # CUmemPool_attribute


class _Location(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("id", ctypes.c_int))


class _Prop(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("handle_types", ctypes.c_int),
        ("location", _Location),
        ("windows", ctypes.c_void_p),
        ("compression", ctypes.c_ubyte),
        ("rdma", ctypes.c_ubyte),
        ("usage", ctypes.c_ushort),
        ("reserved", ctypes.c_ubyte * 4),
    )


class _Shape(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_size_t),
        ("height", ctypes.c_size_t),
        ("depth", ctypes.c_size_t),
        ("format", ctypes.c_int),
        ("channels", ctypes.c_uint),
        ("flags", ctypes.c_uint),
    )


class _Part(ctypes.Structure):
    """CUarrayMapInfo of a level."""

    _fields_ = (
        ("resource_type", ctypes.c_int),
        ("array", ctypes.c_void_p),
        ("subresource_type", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("level", ctypes.c_uint * 8),
        ("operation", ctypes.c_int),
        ("handle_type", ctypes.c_int),
        ("memory", ctypes.c_uint64),
        ("offset", ctypes.c_uint64),
        ("devices", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("reserved", ctypes.c_uint * 2),
    )


class _Multicast(ctypes.Structure):
    _fields_ = (
        ("devices", ctypes.c_uint),
        ("size", ctypes.c_size_t),
        ("handle_types", ctypes.c_ulonglong),
        ("flags", ctypes.c_ulonglong),
    )


def _taken(cuda: Driver) -> Callable[[], int]:
    def free() -> int:
        available, total = ctypes.c_size_t(), ctypes.c_size_t()
        cuda.must("cuMemGetInfo_v2", ctypes.byref(available), ctypes.byref(total))
        return available.value // MIB

    before = free()
    return lambda: before - free()


def _create(cuda: Driver, usage: int) -> ctypes.c_uint64:
    handle, prop = ctypes.c_uint64(), _Prop(type=_PINNED, location=_Location(_DEVICE, 0), usage=usage)
    size = ctypes.c_size_t(_SIZE * MIB)
    cuda.must("cuMemCreate", ctypes.byref(handle), size, ctypes.byref(prop), ctypes.c_ulonglong(0))
    return handle


def _mapped_array(flags: int) -> dict[str, Any]:
    cuda = Driver()
    cuda.primary()
    taken = _taken(cuda)
    shape = _Shape(1024, 1024, 0, _FLOAT, 1, flags)
    array, memory = cuda.handle("cuArray3DCreate_v2", ctypes.byref(shape)), _create(cuda, _TILE_POOL)
    extents = (ctypes.c_uint * 16)()  # CUDA_ARRAY_SPARSE_PROPERTIES begins with a tile's
    cuda("cuArrayGetSparseProperties", extents, array)
    part = _Part(array=array.value, operation=_MAP, memory=memory.value, devices=1)
    part.level[5:8] = extents[:3]
    seen: dict[str, Any] = {"map": cuda("cuMemMapArrayAsync", ctypes.byref(part), 1, None)}
    cuda.must("cuMemRelease", memory)
    seen["after cuMemRelease"] = taken()
    part.operation, part.memory = _UNMAP, 0
    seen["unmap"] = cuda("cuMemMapArrayAsync", ctypes.byref(part), 1, None)
    seen["after unmapping"] = taken()
    cuda.must("cuCtxSynchronize")
    seen["and waiting"] = taken()
    cuda.must("cuArrayDestroy", array)
    return seen | {"and cuArrayDestroy": taken()}


def sparse_arrays() -> dict[str, Any]:
    """Until when an array keeps the memory that it is mapped to."""
    return _mapped_array(_SPARSE)


def deferred_arrays() -> dict[str, Any]:
    """The same of one whose mapping was deferred."""
    return _mapped_array(_DEFERRED)


def multicast() -> dict[str, Any]:
    """Until when a multicast object keeps what is bound to it; many machines have no such objects."""
    cuda = Driver()
    cuda.primary()
    taken, handle = _taken(cuda), ctypes.c_uint64()
    size, nothing = ctypes.c_size_t(_SIZE * MIB), ctypes.c_size_t(0)
    prop = _Multicast(devices=1, size=_SIZE * MIB)
    seen: dict[str, Any] = {"create": cuda("cuMulticastCreate", ctypes.byref(handle), ctypes.byref(prop))}
    if seen["create"]:
        return seen
    cuda.must("cuMulticastAddDevice", handle, 0)
    memory = _create(cuda, 0)
    seen["bind"] = cuda("cuMulticastBindMem", handle, nothing, memory, nothing, size, ctypes.c_ulonglong(0))
    cuda.must("cuMemRelease", memory)
    seen["after cuMemRelease"] = taken()
    cuda.must("cuMemRelease", handle)
    return seen | {"and that of the object": taken()}


def managed_pools() -> dict[str, Any]:
    """What the default pool of managed memory says that it has reserved and in use, in MiB; CUDA 13 has it."""
    cuda = Driver()
    cuda.primary()
    nowhere = _Location(_NOWHERE, 0)
    pool = cuda.handle("cuMemGetDefaultMemPool", ctypes.byref(nowhere), _MANAGED)

    def figures() -> list[int]:
        value, told = ctypes.c_uint64(), []
        for attribute in (_RESERVED, _USED):
            cuda.must("cuMemPoolGetAttribute", pool, attribute, ctypes.byref(value))
            told.append(value.value // MIB)
        return told

    address, size = ctypes.c_uint64(), ctypes.c_size_t(_SIZE * MIB)
    cuda.must("cuMemAllocFromPoolAsync", ctypes.byref(address), size, pool, None)
    seen = {"allocated": figures()}
    cuda.must("cuMemsetD8_v2", address, 0, size)
    cuda.must("cuCtxSynchronize")
    seen["touched"] = figures()
    cuda.must("cuMemFreeAsync", address, None)
    cuda.must("cuCtxSynchronize")
    return seen | {"freed": figures()}


def freed_in_order() -> dict[str, Any]:
    """When memory of cuMemAlloc is free that is freed in stream order, and how far apart the smallest pieces lie."""
    cuda = Driver()
    cuda.primary()
    pieces = sorted(cuda.allocate(1).value for _ in range(64))
    taken, address = _taken(cuda), cuda.allocate(_SIZE * MIB)
    seen: dict[str, Any] = {"apart": min(two - one for one, two in itertools.pairwise(pieces))}
    seen["code"] = cuda("cuMemFreeAsync", address, None)
    seen["after cuMemFreeAsync"] = taken()
    cuda.must("cuCtxSynchronize")
    return seen | {"and waiting": taken()}


MEMORY_FACTS = (sparse_arrays, deferred_arrays, multicast, managed_pools, freed_in_order)
