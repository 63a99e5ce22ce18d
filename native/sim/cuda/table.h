/* Every function of the driver that the simulator has: the exports and what cuGetProcAddress knows both come from here.
 *
 * ROW(name, symbol, since, stream, arguments): `name` is what a program asks for, `symbol` the exported function that
 * has served it since CUDA `since` (13000 is 13.0), unless a later row of that name does. `stream` is LEGACY or, for
 * the variants whose default stream is the thread's own, PER_THREAD. Versions are those of NVIDIA's cudaTypedefs.h.
 *
 * Of the 32-bit entry points of CUDA 2, the copies and fills are left out.
 */
#ifndef HAMI_SIM_TABLE_H
#define HAMI_SIM_TABLE_H

#include "abi/cuda.h"

// clang-format off
#define CUDA_FUNCTIONS(ROW) \
    ROW(cuInit, cuInit, 2000, LEGACY, (unsigned int flags)) \
    ROW(cuDriverGetVersion, cuDriverGetVersion, 2020, LEGACY, (int *version)) \
    ROW(cuGetErrorName, cuGetErrorName, 6000, LEGACY, (CUresult error, const char **name)) \
    ROW(cuGetErrorString, cuGetErrorString, 6000, LEGACY, (CUresult error, const char **text)) \
    ROW(cuGetExportTable, cuGetExportTable, 3000, LEGACY, (const void **table, const CUuuid *id)) \
    ROW(cuGetProcAddress, cuGetProcAddress, 11030, LEGACY, (const char *name, void **function, int version, uint64_t flags)) \
    ROW(cuGetProcAddress, cuGetProcAddress_v2, 12000, LEGACY, (const char *name, void **function, int version, uint64_t flags, CUdriverProcAddressQueryResult *status)) \
    \
    ROW(cuDeviceGet, cuDeviceGet, 2000, LEGACY, (CUdevice *device, int ordinal)) \
    ROW(cuDeviceGetCount, cuDeviceGetCount, 2000, LEGACY, (int *count)) \
    ROW(cuDeviceGetName, cuDeviceGetName, 2000, LEGACY, (char *name, int size, CUdevice device)) \
    ROW(cuDeviceGetUuid, cuDeviceGetUuid, 9020, LEGACY, (CUuuid *uuid, CUdevice device)) \
    ROW(cuDeviceGetUuid, cuDeviceGetUuid_v2, 11040, LEGACY, (CUuuid *uuid, CUdevice device)) \
    ROW(cuDeviceTotalMem, cuDeviceTotalMem, 2000, LEGACY, (unsigned int *bytes, CUdevice device)) \
    ROW(cuDeviceTotalMem, cuDeviceTotalMem_v2, 3020, LEGACY, (size_t *bytes, CUdevice device)) \
    ROW(cuDeviceGetAttribute, cuDeviceGetAttribute, 2000, LEGACY, (int *value, CUdevice_attribute attribute, CUdevice device)) \
    ROW(cuDeviceComputeCapability, cuDeviceComputeCapability, 2000, LEGACY, (int *major, int *minor, CUdevice device)) \
    ROW(cuDeviceGetPCIBusId, cuDeviceGetPCIBusId, 4010, LEGACY, (char *id, int size, CUdevice device)) \
    ROW(cuDeviceGetByPCIBusId, cuDeviceGetByPCIBusId, 4010, LEGACY, (CUdevice *device, const char *id)) \
    ROW(cuDeviceCanAccessPeer, cuDeviceCanAccessPeer, 4000, LEGACY, (int *can, CUdevice device, CUdevice peer)) \
    \
    ROW(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, 7000, LEGACY, (CUcontext *context, CUdevice device)) \
    ROW(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease, 7000, LEGACY, (CUdevice device)) \
    ROW(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2, 11000, LEGACY, (CUdevice device)) \
    ROW(cuDevicePrimaryCtxReset, cuDevicePrimaryCtxReset, 7000, LEGACY, (CUdevice device)) \
    ROW(cuDevicePrimaryCtxReset, cuDevicePrimaryCtxReset_v2, 11000, LEGACY, (CUdevice device)) \
    ROW(cuDevicePrimaryCtxGetState, cuDevicePrimaryCtxGetState, 7000, LEGACY, (CUdevice device, unsigned int *flags, int *active)) \
    ROW(cuDevicePrimaryCtxSetFlags, cuDevicePrimaryCtxSetFlags, 7000, LEGACY, (CUdevice device, unsigned int flags)) \
    ROW(cuDevicePrimaryCtxSetFlags, cuDevicePrimaryCtxSetFlags_v2, 11000, LEGACY, (CUdevice device, unsigned int flags)) \
    \
    ROW(cuCtxCreate, cuCtxCreate, 2000, LEGACY, (CUcontext *context, unsigned int flags, CUdevice device)) \
    ROW(cuCtxCreate, cuCtxCreate_v2, 3020, LEGACY, (CUcontext *context, unsigned int flags, CUdevice device)) \
    ROW(cuCtxCreate, cuCtxCreate_v3, 11040, LEGACY, (CUcontext *context, CUexecAffinityParam *affinity, int count, unsigned int flags, CUdevice device)) \
    ROW(cuCtxCreate, cuCtxCreate_v4, 12050, LEGACY, (CUcontext *context, CUctxCreateParams *params, unsigned int flags, CUdevice device)) \
    ROW(cuCtxDestroy, cuCtxDestroy, 2000, LEGACY, (CUcontext context)) \
    ROW(cuCtxDestroy, cuCtxDestroy_v2, 4000, LEGACY, (CUcontext context)) \
    ROW(cuCtxDetach, cuCtxDetach, 2000, LEGACY, (CUcontext context)) \
    ROW(cuCtxSetLimit, cuCtxSetLimit, 3010, LEGACY, (CUlimit limit, size_t value)) \
    ROW(cuCtxGetLimit, cuCtxGetLimit, 3010, LEGACY, (size_t *value, CUlimit limit)) \
    ROW(cuCtxPushCurrent, cuCtxPushCurrent, 2000, LEGACY, (CUcontext context)) \
    ROW(cuCtxPushCurrent, cuCtxPushCurrent_v2, 4000, LEGACY, (CUcontext context)) \
    ROW(cuCtxPopCurrent, cuCtxPopCurrent, 2000, LEGACY, (CUcontext *context)) \
    ROW(cuCtxPopCurrent, cuCtxPopCurrent_v2, 4000, LEGACY, (CUcontext *context)) \
    ROW(cuCtxSetCurrent, cuCtxSetCurrent, 4000, LEGACY, (CUcontext context)) \
    ROW(cuCtxGetCurrent, cuCtxGetCurrent, 4000, LEGACY, (CUcontext *context)) \
    ROW(cuCtxGetDevice, cuCtxGetDevice, 2000, LEGACY, (CUdevice *device)) \
    ROW(cuCtxGetDevice, cuCtxGetDevice_v2, 13000, LEGACY, (CUdevice *device, CUcontext context)) \
    ROW(cuCtxGetFlags, cuCtxGetFlags, 7000, LEGACY, (unsigned int *flags)) \
    ROW(cuCtxGetId, cuCtxGetId, 12000, LEGACY, (CUcontext context, unsigned long long *id)) \
    ROW(cuCtxGetApiVersion, cuCtxGetApiVersion, 3020, LEGACY, (CUcontext context, unsigned int *version)) \
    ROW(cuCtxGetStreamPriorityRange, cuCtxGetStreamPriorityRange, 5050, LEGACY, (int *least, int *greatest)) \
    ROW(cuCtxSynchronize, cuCtxSynchronize, 2000, LEGACY, (void)) \
    ROW(cuCtxSynchronize, cuCtxSynchronize_v2, 13000, LEGACY, (CUcontext context)) \
    \
    ROW(cuDeviceGetDevResource, cuDeviceGetDevResource, 12040, LEGACY, (CUdevice device, CUdevResource *resource, CUdevResourceType type)) \
    ROW(cuDevResourceGenerateDesc, cuDevResourceGenerateDesc, 12040, LEGACY, (CUdevResourceDesc *description, CUdevResource *resources, unsigned int count)) \
    ROW(cuGreenCtxCreate, cuGreenCtxCreate, 12040, LEGACY, (CUgreenCtx *green, CUdevResourceDesc description, CUdevice device, unsigned int flags)) \
    ROW(cuGreenCtxDestroy, cuGreenCtxDestroy, 12040, LEGACY, (CUgreenCtx green)) \
    ROW(cuGreenCtxStreamCreate, cuGreenCtxStreamCreate, 12050, LEGACY, (CUstream *stream, CUgreenCtx green, unsigned int flags, int priority)) \
    ROW(cuStreamGetGreenCtx, cuStreamGetGreenCtx, 12040, LEGACY, (CUstream stream, CUgreenCtx *green)) \
    ROW(cuCtxFromGreenCtx, cuCtxFromGreenCtx, 12040, LEGACY, (CUcontext *context, CUgreenCtx green)) \
    \
    ROW(cuMemGetInfo, cuMemGetInfo, 2000, LEGACY, (unsigned int *free, unsigned int *total)) \
    ROW(cuMemGetInfo, cuMemGetInfo_v2, 3020, LEGACY, (size_t *free, size_t *total)) \
    ROW(cuMemAlloc, cuMemAlloc, 2000, LEGACY, (CUdeviceptr_v1 *pointer, unsigned int size)) \
    ROW(cuMemAlloc, cuMemAlloc_v2, 3020, LEGACY, (CUdeviceptr *pointer, size_t size)) \
    ROW(cuMemAllocPitch, cuMemAllocPitch, 2000, LEGACY, (CUdeviceptr_v1 *pointer, unsigned int *pitch, unsigned int width, unsigned int height, unsigned int element)) \
    ROW(cuMemAllocPitch, cuMemAllocPitch_v2, 3020, LEGACY, (CUdeviceptr *pointer, size_t *pitch, size_t width, size_t height, unsigned int element)) \
    ROW(cuMemAllocManaged, cuMemAllocManaged, 6000, LEGACY, (CUdeviceptr *pointer, size_t size, unsigned int flags)) \
    ROW(cuMemAllocAsync, cuMemAllocAsync, 11020, LEGACY, (CUdeviceptr *pointer, size_t size, CUstream stream)) \
    ROW(cuMemAllocAsync, cuMemAllocAsync_ptsz, 11020, PER_THREAD, (CUdeviceptr *pointer, size_t size, CUstream stream)) \
    ROW(cuMemFree, cuMemFree, 2000, LEGACY, (CUdeviceptr_v1 pointer)) \
    ROW(cuMemFree, cuMemFree_v2, 3020, LEGACY, (CUdeviceptr pointer)) \
    ROW(cuMemFreeAsync, cuMemFreeAsync, 11020, LEGACY, (CUdeviceptr pointer, CUstream stream)) \
    ROW(cuMemFreeAsync, cuMemFreeAsync_ptsz, 11020, PER_THREAD, (CUdeviceptr pointer, CUstream stream)) \
    ROW(cuMemAllocFromPoolAsync, cuMemAllocFromPoolAsync, 11020, LEGACY, (CUdeviceptr *pointer, size_t size, CUmemoryPool pool, CUstream stream)) \
    ROW(cuMemAllocFromPoolAsync, cuMemAllocFromPoolAsync_ptsz, 11020, PER_THREAD, (CUdeviceptr *pointer, size_t size, CUmemoryPool pool, CUstream stream)) \
    ROW(cuMemAllocHost, cuMemAllocHost_v2, 3020, LEGACY, (void **pointer, size_t size)) \
    ROW(cuMemHostAlloc, cuMemHostAlloc, 2020, LEGACY, (void **pointer, size_t size, unsigned int flags)) \
    ROW(cuMemFreeHost, cuMemFreeHost, 2000, LEGACY, (void *pointer)) \
    ROW(cuMemGetAddressRange, cuMemGetAddressRange_v2, 3020, LEGACY, (CUdeviceptr *base, size_t *size, CUdeviceptr pointer)) \
    ROW(cuPointerGetAttribute, cuPointerGetAttribute, 4000, LEGACY, (void *value, CUpointer_attribute attribute, CUdeviceptr pointer)) \
    \
    ROW(cuArrayCreate, cuArrayCreate, 2000, LEGACY, (CUarray *array, const CUDA_ARRAY_DESCRIPTOR_v1 *shape)) \
    ROW(cuArrayCreate, cuArrayCreate_v2, 3020, LEGACY, (CUarray *array, const CUDA_ARRAY_DESCRIPTOR *shape)) \
    ROW(cuArray3DCreate, cuArray3DCreate, 2000, LEGACY, (CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR_v1 *shape)) \
    ROW(cuArray3DCreate, cuArray3DCreate_v2, 3020, LEGACY, (CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *shape)) \
    ROW(cuArray3DGetDescriptor, cuArray3DGetDescriptor_v2, 3020, LEGACY, (CUDA_ARRAY3D_DESCRIPTOR *shape, CUarray array)) \
    ROW(cuArrayGetMemoryRequirements, cuArrayGetMemoryRequirements, 11060, LEGACY, (CUDA_ARRAY_MEMORY_REQUIREMENTS *requirements, CUarray array, CUdevice device)) \
    ROW(cuArrayGetSparseProperties, cuArrayGetSparseProperties, 11010, LEGACY, (CUDA_ARRAY_SPARSE_PROPERTIES *properties, CUarray array)) \
    ROW(cuArrayDestroy, cuArrayDestroy, 2000, LEGACY, (CUarray array)) \
    ROW(cuMipmappedArrayCreate, cuMipmappedArrayCreate, 5000, LEGACY, (CUmipmappedArray *mipmap, const CUDA_ARRAY3D_DESCRIPTOR *shape, unsigned int levels)) \
    ROW(cuMipmappedArrayGetLevel, cuMipmappedArrayGetLevel, 5000, LEGACY, (CUarray *array, CUmipmappedArray mipmap, unsigned int level)) \
    ROW(cuMipmappedArrayGetMemoryRequirements, cuMipmappedArrayGetMemoryRequirements, 11060, LEGACY, (CUDA_ARRAY_MEMORY_REQUIREMENTS *requirements, CUmipmappedArray mipmap, CUdevice device)) \
    ROW(cuMipmappedArrayGetSparseProperties, cuMipmappedArrayGetSparseProperties, 11010, LEGACY, (CUDA_ARRAY_SPARSE_PROPERTIES *properties, CUmipmappedArray mipmap)) \
    ROW(cuMipmappedArrayDestroy, cuMipmappedArrayDestroy, 5000, LEGACY, (CUmipmappedArray mipmap)) \
    \
    ROW(cuMemPoolCreate, cuMemPoolCreate, 11020, LEGACY, (CUmemoryPool *pool, const CUmemPoolProps *props)) \
    ROW(cuMemPoolDestroy, cuMemPoolDestroy, 11020, LEGACY, (CUmemoryPool pool)) \
    ROW(cuMemPoolTrimTo, cuMemPoolTrimTo, 11020, LEGACY, (CUmemoryPool pool, size_t kept)) \
    ROW(cuMemPoolGetAttribute, cuMemPoolGetAttribute, 11020, LEGACY, (CUmemoryPool pool, CUmemPool_attribute attribute, void *value)) \
    ROW(cuMemPoolSetAttribute, cuMemPoolSetAttribute, 11020, LEGACY, (CUmemoryPool pool, CUmemPool_attribute attribute, void *value)) \
    ROW(cuDeviceGetDefaultMemPool, cuDeviceGetDefaultMemPool, 11020, LEGACY, (CUmemoryPool *pool, CUdevice device)) \
    ROW(cuDeviceGetMemPool, cuDeviceGetMemPool, 11020, LEGACY, (CUmemoryPool *pool, CUdevice device)) \
    ROW(cuDeviceSetMemPool, cuDeviceSetMemPool, 11020, LEGACY, (CUdevice device, CUmemoryPool pool)) \
    ROW(cuMemGetDefaultMemPool, cuMemGetDefaultMemPool, 13000, LEGACY, (CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type)) \
    ROW(cuMemGetMemPool, cuMemGetMemPool, 13000, LEGACY, (CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type)) \
    ROW(cuMemSetMemPool, cuMemSetMemPool, 13000, LEGACY, (CUmemLocation *location, CUmemAllocationType type, CUmemoryPool pool)) \
    \
    ROW(cuMemGetAllocationGranularity, cuMemGetAllocationGranularity, 10020, LEGACY, (size_t *granularity, const CUmemAllocationProp *prop, CUmemAllocationGranularity_flags option)) \
    ROW(cuMemCreate, cuMemCreate, 10020, LEGACY, (CUmemGenericAllocationHandle *handle, size_t size, const CUmemAllocationProp *prop, unsigned long long flags)) \
    ROW(cuMemRelease, cuMemRelease, 10020, LEGACY, (CUmemGenericAllocationHandle handle)) \
    ROW(cuMemGetAllocationPropertiesFromHandle, cuMemGetAllocationPropertiesFromHandle, 10020, LEGACY, (CUmemAllocationProp *prop, CUmemGenericAllocationHandle handle)) \
    ROW(cuMemExportToShareableHandle, cuMemExportToShareableHandle, 10020, LEGACY, (void *descriptor, CUmemGenericAllocationHandle handle, CUmemAllocationHandleType type, unsigned long long flags)) \
    ROW(cuMemImportFromShareableHandle, cuMemImportFromShareableHandle, 10020, LEGACY, (CUmemGenericAllocationHandle *handle, void *descriptor, CUmemAllocationHandleType type)) \
    ROW(cuMemRetainAllocationHandle, cuMemRetainAllocationHandle, 11000, LEGACY, (CUmemGenericAllocationHandle *handle, void *pointer)) \
    ROW(cuMemAddressReserve, cuMemAddressReserve, 10020, LEGACY, (CUdeviceptr *pointer, size_t size, size_t alignment, CUdeviceptr hint, unsigned long long flags)) \
    ROW(cuMemAddressFree, cuMemAddressFree, 10020, LEGACY, (CUdeviceptr pointer, size_t size)) \
    ROW(cuMemMap, cuMemMap, 10020, LEGACY, (CUdeviceptr pointer, size_t size, size_t offset, CUmemGenericAllocationHandle handle, unsigned long long flags)) \
    ROW(cuMemUnmap, cuMemUnmap, 10020, LEGACY, (CUdeviceptr pointer, size_t size)) \
    ROW(cuMemMapArrayAsync, cuMemMapArrayAsync, 11010, LEGACY, (CUarrayMapInfo *parts, unsigned int count, CUstream stream)) \
    ROW(cuMemMapArrayAsync, cuMemMapArrayAsync_ptsz, 11010, PER_THREAD, (CUarrayMapInfo *parts, unsigned int count, CUstream stream)) \
    ROW(cuMulticastGetGranularity, cuMulticastGetGranularity, 12010, LEGACY, (size_t *granularity, const CUmulticastObjectProp *prop, CUmulticastGranularity_flags option)) \
    ROW(cuMulticastCreate, cuMulticastCreate, 12010, LEGACY, (CUmemGenericAllocationHandle *handle, const CUmulticastObjectProp *prop)) \
    ROW(cuMulticastAddDevice, cuMulticastAddDevice, 12010, LEGACY, (CUmemGenericAllocationHandle handle, CUdevice device)) \
    ROW(cuMulticastBindMem, cuMulticastBindMem, 12010, LEGACY, (CUmemGenericAllocationHandle handle, size_t start, CUmemGenericAllocationHandle memory, size_t offset, size_t size, unsigned long long flags)) \
    ROW(cuMulticastBindMem, cuMulticastBindMem_v2, 13010, LEGACY, (CUmemGenericAllocationHandle handle, CUdevice device, size_t start, CUmemGenericAllocationHandle memory, size_t offset, size_t size, unsigned long long flags)) \
    ROW(cuMulticastBindAddr, cuMulticastBindAddr, 12010, LEGACY, (CUmemGenericAllocationHandle handle, size_t start, CUdeviceptr address, size_t size, unsigned long long flags)) \
    ROW(cuMulticastBindAddr, cuMulticastBindAddr_v2, 13010, LEGACY, (CUmemGenericAllocationHandle handle, CUdevice device, size_t start, CUdeviceptr address, size_t size, unsigned long long flags)) \
    ROW(cuMulticastUnbind, cuMulticastUnbind, 12010, LEGACY, (CUmemGenericAllocationHandle handle, CUdevice device, size_t start, size_t size)) \
    ROW(cuLogicalEndpointIdReserve, cuLogicalEndpointIdReserve, 13030, LEGACY, (CUlogicalEndpointId *first, uint32_t count)) \
    ROW(cuLogicalEndpointIdRelease, cuLogicalEndpointIdRelease, 13030, LEGACY, (CUlogicalEndpointId first, uint32_t count)) \
    ROW(cuLogicalEndpointGetLimits, cuLogicalEndpointGetLimits, 13030, LEGACY, (uint64_t *alignment, uint64_t *maximum, const CUlogicalEndpointProp *prop)) \
    ROW(cuLogicalEndpointCreate, cuLogicalEndpointCreate, 13030, LEGACY, (CUlogicalEndpointId id, const CUlogicalEndpointProp *prop)) \
    ROW(cuLogicalEndpointAddDevice, cuLogicalEndpointAddDevice, 13030, LEGACY, (CUlogicalEndpointId id, CUdevice device)) \
    ROW(cuLogicalEndpointQuery, cuLogicalEndpointQuery, 13030, LEGACY, (CUlogicalEndpointId first, uint32_t count, int *status)) \
    ROW(cuLogicalEndpointDestroy, cuLogicalEndpointDestroy, 13030, LEGACY, (CUlogicalEndpointId id)) \
    ROW(cuLogicalEndpointBindMem, cuLogicalEndpointBindMem, 13030, LEGACY, (CUlogicalEndpointId id, CUdevice device, uint64_t start, CUmemGenericAllocationHandle memory, uint64_t offset, uint64_t size, unsigned long long flags)) \
    ROW(cuLogicalEndpointBindAddr, cuLogicalEndpointBindAddr, 13030, LEGACY, (CUlogicalEndpointId id, CUdevice device, uint64_t start, void *address, uint64_t size, unsigned long long flags)) \
    ROW(cuLogicalEndpointUnbind, cuLogicalEndpointUnbind, 13030, LEGACY, (CUlogicalEndpointId id, CUdevice device, uint64_t start, uint64_t size)) \
    ROW(cuMemSetAccess, cuMemSetAccess, 10020, LEGACY, (CUdeviceptr pointer, size_t size, const CUmemAccessDesc *access, size_t count)) \
    \
    ROW(cuIpcGetMemHandle, cuIpcGetMemHandle, 4010, LEGACY, (CUipcMemHandle *handle, CUdeviceptr pointer)) \
    ROW(cuIpcOpenMemHandle, cuIpcOpenMemHandle, 4010, LEGACY, (CUdeviceptr *pointer, CUipcMemHandle handle, unsigned int flags)) \
    ROW(cuIpcOpenMemHandle, cuIpcOpenMemHandle_v2, 11000, LEGACY, (CUdeviceptr *pointer, CUipcMemHandle handle, unsigned int flags)) \
    ROW(cuIpcCloseMemHandle, cuIpcCloseMemHandle, 4010, LEGACY, (CUdeviceptr pointer)) \
    \
    ROW(cuImportExternalMemory, cuImportExternalMemory, 10000, LEGACY, (CUexternalMemory *memory, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *description)) \
    ROW(cuDestroyExternalMemory, cuDestroyExternalMemory, 10000, LEGACY, (CUexternalMemory memory)) \
    \
    ROW(cuMemcpy, cuMemcpy, 4000, LEGACY, (CUdeviceptr to, CUdeviceptr from, size_t size)) \
    ROW(cuMemcpy, cuMemcpy_ptds, 7000, PER_THREAD, (CUdeviceptr to, CUdeviceptr from, size_t size)) \
    ROW(cuMemcpyAsync, cuMemcpyAsync, 4000, LEGACY, (CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)) \
    ROW(cuMemcpyAsync, cuMemcpyAsync_ptsz, 7000, PER_THREAD, (CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)) \
    ROW(cuMemcpyHtoD, cuMemcpyHtoD_v2, 3020, LEGACY, (CUdeviceptr to, const void *from, size_t size)) \
    ROW(cuMemcpyHtoD, cuMemcpyHtoD_v2_ptds, 7000, PER_THREAD, (CUdeviceptr to, const void *from, size_t size)) \
    ROW(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2, 3020, LEGACY, (CUdeviceptr to, const void *from, size_t size, CUstream stream)) \
    ROW(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2_ptsz, 7000, PER_THREAD, (CUdeviceptr to, const void *from, size_t size, CUstream stream)) \
    ROW(cuMemcpyDtoH, cuMemcpyDtoH_v2, 3020, LEGACY, (void *to, CUdeviceptr from, size_t size)) \
    ROW(cuMemcpyDtoH, cuMemcpyDtoH_v2_ptds, 7000, PER_THREAD, (void *to, CUdeviceptr from, size_t size)) \
    ROW(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2, 3020, LEGACY, (void *to, CUdeviceptr from, size_t size, CUstream stream)) \
    ROW(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2_ptsz, 7000, PER_THREAD, (void *to, CUdeviceptr from, size_t size, CUstream stream)) \
    ROW(cuMemcpyDtoD, cuMemcpyDtoD_v2, 3020, LEGACY, (CUdeviceptr to, CUdeviceptr from, size_t size)) \
    ROW(cuMemcpyDtoD, cuMemcpyDtoD_v2_ptds, 7000, PER_THREAD, (CUdeviceptr to, CUdeviceptr from, size_t size)) \
    ROW(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2, 3020, LEGACY, (CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)) \
    ROW(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2_ptsz, 7000, PER_THREAD, (CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)) \
    ROW(cuMemsetD8, cuMemsetD8_v2, 3020, LEGACY, (CUdeviceptr to, unsigned char value, size_t count)) \
    ROW(cuMemsetD8, cuMemsetD8_v2_ptds, 7000, PER_THREAD, (CUdeviceptr to, unsigned char value, size_t count)) \
    ROW(cuMemsetD16, cuMemsetD16_v2, 3020, LEGACY, (CUdeviceptr to, unsigned short value, size_t count)) \
    ROW(cuMemsetD16, cuMemsetD16_v2_ptds, 7000, PER_THREAD, (CUdeviceptr to, unsigned short value, size_t count)) \
    ROW(cuMemsetD32, cuMemsetD32_v2, 3020, LEGACY, (CUdeviceptr to, unsigned int value, size_t count)) \
    ROW(cuMemsetD32, cuMemsetD32_v2_ptds, 7000, PER_THREAD, (CUdeviceptr to, unsigned int value, size_t count)) \
    ROW(cuMemsetD8Async, cuMemsetD8Async, 3020, LEGACY, (CUdeviceptr to, unsigned char value, size_t count, CUstream stream)) \
    ROW(cuMemsetD8Async, cuMemsetD8Async_ptsz, 7000, PER_THREAD, (CUdeviceptr to, unsigned char value, size_t count, CUstream stream)) \
    ROW(cuMemsetD16Async, cuMemsetD16Async, 3020, LEGACY, (CUdeviceptr to, unsigned short value, size_t count, CUstream stream)) \
    ROW(cuMemsetD16Async, cuMemsetD16Async_ptsz, 7000, PER_THREAD, (CUdeviceptr to, unsigned short value, size_t count, CUstream stream)) \
    ROW(cuMemsetD32Async, cuMemsetD32Async, 3020, LEGACY, (CUdeviceptr to, unsigned int value, size_t count, CUstream stream)) \
    ROW(cuMemsetD32Async, cuMemsetD32Async_ptsz, 7000, PER_THREAD, (CUdeviceptr to, unsigned int value, size_t count, CUstream stream)) \
    \
    ROW(cuStreamCreate, cuStreamCreate, 2000, LEGACY, (CUstream *stream, unsigned int flags)) \
    ROW(cuStreamCreateWithPriority, cuStreamCreateWithPriority, 5050, LEGACY, (CUstream *stream, unsigned int flags, int priority)) \
    ROW(cuStreamDestroy, cuStreamDestroy, 2000, LEGACY, (CUstream stream)) \
    ROW(cuStreamDestroy, cuStreamDestroy_v2, 4000, LEGACY, (CUstream stream)) \
    ROW(cuStreamGetCtx, cuStreamGetCtx, 9020, LEGACY, (CUstream stream, CUcontext *context)) \
    ROW(cuStreamGetCtx, cuStreamGetCtx_ptsz, 9020, PER_THREAD, (CUstream stream, CUcontext *context)) \
    ROW(cuStreamGetDevice, cuStreamGetDevice, 12080, LEGACY, (CUstream stream, CUdevice *device)) \
    ROW(cuStreamGetDevice, cuStreamGetDevice_ptsz, 12080, PER_THREAD, (CUstream stream, CUdevice *device)) \
    ROW(cuStreamGetFlags, cuStreamGetFlags, 5050, LEGACY, (CUstream stream, unsigned int *flags)) \
    ROW(cuStreamGetFlags, cuStreamGetFlags_ptsz, 7000, PER_THREAD, (CUstream stream, unsigned int *flags)) \
    ROW(cuStreamGetPriority, cuStreamGetPriority, 5050, LEGACY, (CUstream stream, int *priority)) \
    ROW(cuStreamGetPriority, cuStreamGetPriority_ptsz, 7000, PER_THREAD, (CUstream stream, int *priority)) \
    ROW(cuStreamQuery, cuStreamQuery, 2000, LEGACY, (CUstream stream)) \
    ROW(cuStreamQuery, cuStreamQuery_ptsz, 7000, PER_THREAD, (CUstream stream)) \
    ROW(cuStreamSynchronize, cuStreamSynchronize, 2000, LEGACY, (CUstream stream)) \
    ROW(cuStreamSynchronize, cuStreamSynchronize_ptsz, 7000, PER_THREAD, (CUstream stream)) \
    ROW(cuLaunchHostFunc, cuLaunchHostFunc, 10000, LEGACY, (CUstream stream, CUhostFn function, void *data)) \
    ROW(cuLaunchHostFunc, cuLaunchHostFunc_ptsz, 10000, PER_THREAD, (CUstream stream, CUhostFn function, void *data)) \
    ROW(cuStreamAddCallback, cuStreamAddCallback, 5000, LEGACY, (CUstream stream, CUstreamCallback callback, void *data, unsigned int flags)) \
    ROW(cuStreamAddCallback, cuStreamAddCallback_ptsz, 7000, PER_THREAD, (CUstream stream, CUstreamCallback callback, void *data, unsigned int flags)) \
    ROW(cuStreamWaitEvent, cuStreamWaitEvent, 3020, LEGACY, (CUstream stream, CUevent event, unsigned int flags)) \
    ROW(cuStreamWaitEvent, cuStreamWaitEvent_ptsz, 7000, PER_THREAD, (CUstream stream, CUevent event, unsigned int flags)) \
    \
    ROW(cuEventCreate, cuEventCreate, 2000, LEGACY, (CUevent *event, unsigned int flags)) \
    ROW(cuEventDestroy, cuEventDestroy, 2000, LEGACY, (CUevent event)) \
    ROW(cuEventDestroy, cuEventDestroy_v2, 4000, LEGACY, (CUevent event)) \
    ROW(cuEventRecord, cuEventRecord, 2000, LEGACY, (CUevent event, CUstream stream)) \
    ROW(cuEventRecord, cuEventRecord_ptsz, 7000, PER_THREAD, (CUevent event, CUstream stream)) \
    ROW(cuEventRecordWithFlags, cuEventRecordWithFlags, 11010, LEGACY, (CUevent event, CUstream stream, unsigned int flags)) \
    ROW(cuEventRecordWithFlags, cuEventRecordWithFlags_ptsz, 11010, PER_THREAD, (CUevent event, CUstream stream, unsigned int flags)) \
    ROW(cuEventQuery, cuEventQuery, 2000, LEGACY, (CUevent event)) \
    ROW(cuEventSynchronize, cuEventSynchronize, 2000, LEGACY, (CUevent event)) \
    ROW(cuEventElapsedTime, cuEventElapsedTime, 2000, LEGACY, (float *milliseconds, CUevent start, CUevent end)) \
    ROW(cuEventElapsedTime, cuEventElapsedTime_v2, 12080, LEGACY, (float *milliseconds, CUevent start, CUevent end)) \
    \
    ROW(cuGraphCreate, cuGraphCreate, 10000, LEGACY, (CUgraph *graph, unsigned int flags)) \
    ROW(cuGraphDestroy, cuGraphDestroy, 10000, LEGACY, (CUgraph graph)) \
    ROW(cuGraphAddEmptyNode, cuGraphAddEmptyNode, 10000, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count)) \
    ROW(cuGraphAddChildGraphNode, cuGraphAddChildGraphNode, 10000, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count, CUgraph child)) \
    ROW(cuGraphAddMemAllocNode, cuGraphAddMemAllocNode, 11040, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count, CUDA_MEM_ALLOC_NODE_PARAMS *params)) \
    ROW(cuGraphAddMemFreeNode, cuGraphAddMemFreeNode, 11040, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count, CUdeviceptr pointer)) \
    ROW(cuGraphAddKernelNode, cuGraphAddKernelNode, 10000, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count, const CUDA_KERNEL_NODE_PARAMS_v1 *params)) \
    ROW(cuGraphAddKernelNode, cuGraphAddKernelNode_v2, 12000, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count, const CUDA_KERNEL_NODE_PARAMS_v2 *params)) \
    ROW(cuGraphKernelNodeSetParams, cuGraphKernelNodeSetParams, 10000, LEGACY, (CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *params)) \
    ROW(cuGraphKernelNodeSetParams, cuGraphKernelNodeSetParams_v2, 12000, LEGACY, (CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v2 *params)) \
    ROW(cuGraphExecKernelNodeSetParams, cuGraphExecKernelNodeSetParams, 10010, LEGACY, (CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *params)) \
    ROW(cuGraphExecKernelNodeSetParams, cuGraphExecKernelNodeSetParams_v2, 12000, LEGACY, (CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v2 *params)) \
    ROW(cuGraphAddHostNode, cuGraphAddHostNode, 10000, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count, const CUDA_HOST_NODE_PARAMS *params)) \
    ROW(cuGraphAddNode, cuGraphAddNode, 12020, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count, CUgraphNodeParams *params)) \
    ROW(cuGraphAddNode, cuGraphAddNode_v2, 12030, LEGACY, (CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, const CUgraphEdgeData *edges, size_t count, CUgraphNodeParams *params)) \
    ROW(cuGraphGetNodes, cuGraphGetNodes, 10000, LEGACY, (CUgraph graph, CUgraphNode *nodes, size_t *count)) \
    ROW(cuGraphNodeGetType, cuGraphNodeGetType, 10000, LEGACY, (CUgraphNode node, CUgraphNodeType *type)) \
    ROW(cuGraphChildGraphNodeGetGraph, cuGraphChildGraphNodeGetGraph, 10000, LEGACY, (CUgraphNode node, CUgraph *graph)) \
    ROW(cuGraphMemAllocNodeGetParams, cuGraphMemAllocNodeGetParams, 11040, LEGACY, (CUgraphNode node, CUDA_MEM_ALLOC_NODE_PARAMS *params)) \
    ROW(cuGraphInstantiate, cuGraphInstantiate, 10000, LEGACY, (CUgraphExec *exec, CUgraph graph, CUgraphNode *error, char *log, size_t size)) \
    ROW(cuGraphInstantiate, cuGraphInstantiate_v2, 11000, LEGACY, (CUgraphExec *exec, CUgraph graph, CUgraphNode *error, char *log, size_t size)) \
    ROW(cuGraphInstantiateWithFlags, cuGraphInstantiateWithFlags, 11040, LEGACY, (CUgraphExec *exec, CUgraph graph, unsigned long long flags)) \
    ROW(cuGraphInstantiateWithParams, cuGraphInstantiateWithParams, 12000, LEGACY, (CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params)) \
    ROW(cuGraphInstantiateWithParams, cuGraphInstantiateWithParams_ptsz, 12000, PER_THREAD, (CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params)) \
    ROW(cuGraphUpload, cuGraphUpload, 11010, LEGACY, (CUgraphExec exec, CUstream stream)) \
    ROW(cuGraphUpload, cuGraphUpload_ptsz, 11010, PER_THREAD, (CUgraphExec exec, CUstream stream)) \
    ROW(cuGraphLaunch, cuGraphLaunch, 10000, LEGACY, (CUgraphExec exec, CUstream stream)) \
    ROW(cuGraphLaunch, cuGraphLaunch_ptsz, 10000, PER_THREAD, (CUgraphExec exec, CUstream stream)) \
    ROW(cuGraphExecDestroy, cuGraphExecDestroy, 10000, LEGACY, (CUgraphExec exec)) \
    ROW(cuDeviceGraphMemTrim, cuDeviceGraphMemTrim, 11040, LEGACY, (CUdevice device)) \
    ROW(cuDeviceGetGraphMemAttribute, cuDeviceGetGraphMemAttribute, 11040, LEGACY, (CUdevice device, CUgraphMem_attribute attribute, void *value)) \
    ROW(cuDeviceSetGraphMemAttribute, cuDeviceSetGraphMemAttribute, 11040, LEGACY, (CUdevice device, CUgraphMem_attribute attribute, void *value)) \
    ROW(cuStreamBeginCapture, cuStreamBeginCapture_v2, 10010, LEGACY, (CUstream stream, CUstreamCaptureMode mode)) \
    ROW(cuStreamBeginCapture, cuStreamBeginCapture_v2_ptsz, 10010, PER_THREAD, (CUstream stream, CUstreamCaptureMode mode)) \
    ROW(cuStreamEndCapture, cuStreamEndCapture, 10000, LEGACY, (CUstream stream, CUgraph *graph)) \
    ROW(cuStreamEndCapture, cuStreamEndCapture_ptsz, 10000, PER_THREAD, (CUstream stream, CUgraph *graph)) \
    ROW(cuStreamIsCapturing, cuStreamIsCapturing, 10000, LEGACY, (CUstream stream, CUstreamCaptureStatus *status)) \
    ROW(cuStreamIsCapturing, cuStreamIsCapturing_ptsz, 10000, PER_THREAD, (CUstream stream, CUstreamCaptureStatus *status)) \
    ROW(cuStreamGetCaptureInfo, cuStreamGetCaptureInfo, 10010, LEGACY, (CUstream stream, CUstreamCaptureStatus *status, uint64_t *id)) \
    ROW(cuStreamGetCaptureInfo, cuStreamGetCaptureInfo_ptsz, 10010, PER_THREAD, (CUstream stream, CUstreamCaptureStatus *status, uint64_t *id)) \
    ROW(cuStreamGetCaptureInfo, cuStreamGetCaptureInfo_v2, 11030, LEGACY, (CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph, const CUgraphNode **dependencies, size_t *count)) \
    ROW(cuStreamGetCaptureInfo, cuStreamGetCaptureInfo_v2_ptsz, 11030, PER_THREAD, (CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph, const CUgraphNode **dependencies, size_t *count)) \
    ROW(cuStreamGetCaptureInfo, cuStreamGetCaptureInfo_v3, 12030, LEGACY, (CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph, const CUgraphNode **dependencies, const CUgraphEdgeData **edges, size_t *count)) \
    ROW(cuStreamGetCaptureInfo, cuStreamGetCaptureInfo_v3_ptsz, 12030, PER_THREAD, (CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph, const CUgraphNode **dependencies, const CUgraphEdgeData **edges, size_t *count)) \
    ROW(cuThreadExchangeStreamCaptureMode, cuThreadExchangeStreamCaptureMode, 10010, LEGACY, (CUstreamCaptureMode *mode)) \
    \
    ROW(cuModuleLoad, cuModuleLoad, 2000, LEGACY, (CUmodule *module, const char *path)) \
    ROW(cuModuleLoadData, cuModuleLoadData, 2000, LEGACY, (CUmodule *module, const void *image)) \
    ROW(cuModuleLoadDataEx, cuModuleLoadDataEx, 2010, LEGACY, (CUmodule *module, const void *image, unsigned int count, int *options, void **values)) \
    ROW(cuModuleLoadFatBinary, cuModuleLoadFatBinary, 2000, LEGACY, (CUmodule *module, const void *image)) \
    ROW(cuModuleUnload, cuModuleUnload, 2000, LEGACY, (CUmodule module)) \
    ROW(cuLibraryLoadData, cuLibraryLoadData, 12000, LEGACY, (CUlibrary *library, const void *image, int *options, void **values, unsigned int count, int *library_options, void **library_values, unsigned int library_count)) \
    ROW(cuLibraryLoadFromFile, cuLibraryLoadFromFile, 12000, LEGACY, (CUlibrary *library, const char *path, int *options, void **values, unsigned int count, int *library_options, void **library_values, unsigned int library_count)) \
    ROW(cuLibraryUnload, cuLibraryUnload, 12000, LEGACY, (CUlibrary library)) \
    ROW(cuModuleGetFunction, cuModuleGetFunction, 2000, LEGACY, (CUfunction *function, CUmodule module, const char *name)) \
    ROW(cuLibraryGetKernel, cuLibraryGetKernel, 12000, LEGACY, (CUkernel *kernel, CUlibrary library, const char *name)) \
    ROW(cuLibraryGetModule, cuLibraryGetModule, 12000, LEGACY, (CUmodule *module, CUlibrary library)) \
    ROW(cuLibraryGetGlobal, cuLibraryGetGlobal, 12000, LEGACY, (CUdeviceptr *address, size_t *bytes, CUlibrary library, const char *name)) \
    ROW(cuLibraryGetManaged, cuLibraryGetManaged, 12000, LEGACY, (CUdeviceptr *address, size_t *bytes, CUlibrary library, const char *name)) \
    ROW(cuFuncLoad, cuFuncLoad, 12040, LEGACY, (CUfunction function)) \
    ROW(cuKernelGetFunction, cuKernelGetFunction, 12000, LEGACY, (CUfunction *function, CUkernel kernel)) \
    ROW(cuKernelGetName, cuKernelGetName, 12030, LEGACY, (const char **name, CUkernel kernel)) \
    ROW(cuKernelGetParamInfo, cuKernelGetParamInfo, 12040, LEGACY, (CUkernel kernel, size_t index, size_t *offset, size_t *size)) \
    ROW(cuKernelGetAttribute, cuKernelGetAttribute, 12000, LEGACY, (int *value, CUfunction_attribute attribute, CUkernel kernel, CUdevice device)) \
    ROW(cuKernelSetAttribute, cuKernelSetAttribute, 12000, LEGACY, (CUfunction_attribute attribute, int value, CUkernel kernel, CUdevice device)) \
    ROW(cuFuncGetModule, cuFuncGetModule, 11000, LEGACY, (CUmodule *module, CUfunction function)) \
    ROW(cuFuncGetName, cuFuncGetName, 12030, LEGACY, (const char **name, CUfunction function)) \
    ROW(cuFuncGetParamInfo, cuFuncGetParamInfo, 12040, LEGACY, (CUfunction function, size_t index, size_t *offset, size_t *size)) \
    ROW(cuFuncGetAttribute, cuFuncGetAttribute, 2020, LEGACY, (int *value, CUfunction_attribute attribute, CUfunction function)) \
    ROW(cuFuncSetAttribute, cuFuncSetAttribute, 9000, LEGACY, (CUfunction function, CUfunction_attribute attribute, int value)) \
    ROW(cuFuncSetCacheConfig, cuFuncSetCacheConfig, 3000, LEGACY, (CUfunction function, int config)) \
    \
    ROW(cuLaunchKernel, cuLaunchKernel, 4000, LEGACY, (CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, CUstream stream, void **parameters, void **extra)) \
    ROW(cuLaunchKernel, cuLaunchKernel_ptsz, 7000, PER_THREAD, (CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, CUstream stream, void **parameters, void **extra)) \
    ROW(cuLaunchKernelEx, cuLaunchKernelEx, 11060, LEGACY, (const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra)) \
    ROW(cuLaunchKernelEx, cuLaunchKernelEx_ptsz, 11060, PER_THREAD, (const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra)) \
    ROW(cuLaunchCooperativeKernel, cuLaunchCooperativeKernel, 9000, LEGACY, (CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, CUstream stream, void **parameters)) \
    ROW(cuLaunchCooperativeKernel, cuLaunchCooperativeKernel_ptsz, 9000, PER_THREAD, (CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, CUstream stream, void **parameters)) \
    ROW(cuLaunchCooperativeKernelMultiDevice, cuLaunchCooperativeKernelMultiDevice, 9000, LEGACY, (CUDA_LAUNCH_PARAMS *launches, unsigned int count, unsigned int flags)) \
    ROW(cuFuncSetBlockShape, cuFuncSetBlockShape, 2000, LEGACY, (CUfunction function, int x, int y, int z)) \
    ROW(cuFuncSetSharedSize, cuFuncSetSharedSize, 2000, LEGACY, (CUfunction function, unsigned int bytes)) \
    ROW(cuParamSetSize, cuParamSetSize, 2000, LEGACY, (CUfunction function, unsigned int bytes)) \
    ROW(cuParamSeti, cuParamSeti, 2000, LEGACY, (CUfunction function, int offset, unsigned int value)) \
    ROW(cuParamSetf, cuParamSetf, 2000, LEGACY, (CUfunction function, int offset, float value)) \
    ROW(cuParamSetv, cuParamSetv, 2000, LEGACY, (CUfunction function, int offset, void *value, unsigned int bytes)) \
    ROW(cuLaunch, cuLaunch, 2000, LEGACY, (CUfunction function)) \
    ROW(cuLaunchGrid, cuLaunchGrid, 2000, LEGACY, (CUfunction function, int width, int height)) \
    ROW(cuLaunchGridAsync, cuLaunchGridAsync, 2000, LEGACY, (CUfunction function, int width, int height, CUstream stream))
// clang-format on

/* Protected: exported, but the driver's own calls and cuGetProcAddress never end in a preloaded library's functions. */
#define DECLARE(name, symbol, since, stream, arguments)                                                                \
    __attribute__((visibility("protected"))) CUresult symbol arguments;
CUDA_FUNCTIONS(DECLARE)
#undef DECLARE

#endif
