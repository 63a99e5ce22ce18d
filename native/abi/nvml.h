/* The part of NVML's binary interface that libvgpu.so and the simulator use: types, values, layouts.
 *
 * Hand-written; names and numbers are those of NVIDIA's nvml.h, so that a reader finds them in its documentation.
 * There are no prototypes here: each side declares the functions it has in its own table.
 */
#ifndef HAMI_ABI_NVML_H
#define HAMI_ABI_NVML_H

#include <stdint.h>

typedef enum nvmlReturn_t {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NO_PERMISSION = 4,
    NVML_ERROR_ALREADY_INITIALIZED = 5,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_INSUFFICIENT_POWER = 8,
    NVML_ERROR_DRIVER_NOT_LOADED = 9,
    NVML_ERROR_TIMEOUT = 10,
    NVML_ERROR_IRQ_ISSUE = 11,
    NVML_ERROR_LIBRARY_NOT_FOUND = 12,
    NVML_ERROR_FUNCTION_NOT_FOUND = 13,
    NVML_ERROR_CORRUPTED_INFOROM = 14,
    NVML_ERROR_GPU_IS_LOST = 15,
    NVML_ERROR_RESET_REQUIRED = 16,
    NVML_ERROR_OPERATING_SYSTEM = 17,
    NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
    NVML_ERROR_IN_USE = 19,
    NVML_ERROR_MEMORY = 20,
    NVML_ERROR_NO_DATA = 21,
    NVML_ERROR_VGPU_ECC_NOT_SUPPORTED = 22,
    NVML_ERROR_INSUFFICIENT_RESOURCES = 23,
    NVML_ERROR_FREQ_NOT_SUPPORTED = 24,
    NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_ERROR_DEPRECATED = 26,
    NVML_ERROR_NOT_READY = 27,
    NVML_ERROR_GPU_NOT_FOUND = 28,
    NVML_ERROR_INVALID_STATE = 29,
    NVML_ERROR_UNKNOWN = 999,
} nvmlReturn_t;

typedef struct nvmlDevice_st *nvmlDevice_t;

typedef unsigned int nvmlBrandType_t;
typedef unsigned int nvmlDeviceArchitecture_t;

#define NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE    32
#define NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE 16

/* The version number that the first word of a versioned structure bears: its size and its version. */
#define NVML_STRUCT_VERSION(type, version) ((unsigned int)(sizeof(type) | ((unsigned int)(version) << 24)))

typedef struct nvmlPciInfo_t {
    char busIdLegacy[NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE]; /* 0000:01:00.0 */
    unsigned int domain;
    unsigned int bus;
    unsigned int device;
    unsigned int pciDeviceId; /* device id << 16 | vendor id */
    unsigned int pciSubSystemId;
    char busId[NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE]; /* 00000000:01:00.0 */
} nvmlPciInfo_t;

/* All in bytes. */
typedef struct nvmlMemory_t {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
} nvmlMemory_t;

typedef struct nvmlMemory_v2_t {
    unsigned int version; /* NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2) */
    unsigned long long total;
    unsigned long long reserved;
    unsigned long long free;
    unsigned long long used;
} nvmlMemory_v2_t;

#define NVML_DEVICE_MEMORY_LIMIT_MAX (~0ull) /* no limit */

/* Limits on what the processes of a cgroup may have of a device, in bytes; from R615 on. */
typedef struct nvmlSetMemoryLimits_v1_t {
    const char *nameSpace; /* the absolute path of the cgroup v2's directory, as the caller sees it */
    unsigned long long softLimit;
    unsigned long long hardLimit;
} nvmlSetMemoryLimits_v1_t;

typedef struct nvmlGetMemoryLimits_v1_t {
    const char *nameSpace;
    unsigned long long softLimit;
    unsigned long long hardLimit;
    unsigned long long currentUsed;
} nvmlGetMemoryLimits_v1_t;

_Static_assert(sizeof(nvmlSetMemoryLimits_v1_t) == 24 && sizeof(nvmlGetMemoryLimits_v1_t) == 32, "as NVIDIA has them");

typedef struct nvmlBAR1Memory_t {
    unsigned long long bar1Total;
    unsigned long long bar1Free;
    unsigned long long bar1Used;
} nvmlBAR1Memory_t;

/* Percent of the last sample period. */
typedef struct nvmlUtilization_t {
    unsigned int gpu;
    unsigned int memory;
} nvmlUtilization_t;

/* What one process did since `timeStamp`, in percent. For nvmlDeviceGetProcessUtilization. */
typedef struct nvmlProcessUtilizationSample_t {
    unsigned int pid;
    unsigned long long timeStamp; /* CPU time in us since 1970 */
    unsigned int smUtil;
    unsigned int memUtil;
    unsigned int encUtil;
    unsigned int decUtil;
} nvmlProcessUtilizationSample_t;

/* The same for nvmlDeviceGetProcessesUtilizationInfo. */
typedef struct nvmlProcessUtilizationInfo_v1_t {
    unsigned long long timeStamp;
    unsigned int pid;
    unsigned int smUtil;
    unsigned int memUtil;
    unsigned int encUtil;
    unsigned int decUtil;
    unsigned int jpgUtil;
    unsigned int ofaUtil;
} nvmlProcessUtilizationInfo_v1_t;

typedef struct nvmlProcessesUtilizationInfo_v1_t {
    unsigned int version; /* NVML_STRUCT_VERSION(nvmlProcessesUtilizationInfo_v1_t, 1) */
    unsigned int processSamplesCount;
    unsigned long long lastSeenTimeStamp;
    nvmlProcessUtilizationInfo_v1_t *procUtilArray;
} nvmlProcessesUtilizationInfo_v1_t;

#define NVML_VALUE_NOT_AVAILABLE (~0u)

/* GPUs in MIG mode, and what they are divided in. */
#define NVML_DEVICE_MIG_DISABLE 0u
#define NVML_DEVICE_MIG_ENABLE  1u

#define NVML_GPU_INSTANCE_PROFILE_COUNT            18u
#define NVML_COMPUTE_INSTANCE_PROFILE_COUNT        9u
#define NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT 1u

typedef struct nvmlGpuInstance_st *nvmlGpuInstance_t;
typedef struct nvmlComputeInstance_st *nvmlComputeInstance_t;

/* In slices of the GPU. */
typedef struct nvmlGpuInstancePlacement_t {
    unsigned int start;
    unsigned int size;
} nvmlGpuInstancePlacement_t, nvmlComputeInstancePlacement_t;

typedef struct nvmlGpuInstanceInfo_t {
    nvmlDevice_t device;
    unsigned int id;
    unsigned int profileId;
    nvmlGpuInstancePlacement_t placement;
} nvmlGpuInstanceInfo_t;

typedef struct nvmlComputeInstanceInfo_t {
    nvmlDevice_t device;
    nvmlGpuInstance_t gpuInstance;
    unsigned int id;
    unsigned int profileId;
    nvmlComputeInstancePlacement_t placement;
} nvmlComputeInstanceInfo_t;

typedef struct nvmlGpuInstanceProfileInfo_t {
    unsigned int id;
    unsigned int isP2pSupported;
    unsigned int sliceCount;
    unsigned int instanceCount;
    unsigned int multiprocessorCount;
    unsigned int copyEngineCount;
    unsigned int decoderCount;
    unsigned int encoderCount;
    unsigned int jpegCount;
    unsigned int ofaCount;
    unsigned long long memorySizeMB;
} nvmlGpuInstanceProfileInfo_t;

typedef struct nvmlComputeInstanceProfileInfo_t {
    unsigned int id;
    unsigned int sliceCount;
    unsigned int instanceCount;
    unsigned int multiprocessorCount;
    unsigned int sharedCopyEngineCount;
    unsigned int sharedDecoderCount;
    unsigned int sharedEncoderCount;
    unsigned int sharedJpegCount;
    unsigned int sharedOfaCount;
} nvmlComputeInstanceProfileInfo_t;

/* What a MIG device has. */
typedef struct nvmlDeviceAttributes_t {
    unsigned int multiprocessorCount;
    unsigned int sharedCopyEngineCount;
    unsigned int sharedDecoderCount;
    unsigned int sharedEncoderCount;
    unsigned int sharedJpegCount;
    unsigned int sharedOfaCount;
    unsigned int gpuInstanceSliceCount;
    unsigned int computeInstanceSliceCount;
    unsigned long long memorySizeMB;
} nvmlDeviceAttributes_t;

/* What nvmlDeviceGetComputeRunningProcesses (without suffix) fills in. */
typedef struct nvmlProcessInfo_v1_t {
    unsigned int pid;
    unsigned long long usedGpuMemory; /* bytes */
} nvmlProcessInfo_v1_t;

/* What its _v2 and _v3 fill in. Without MIG both instance ids are NVML_VALUE_NOT_AVAILABLE. */
typedef struct nvmlProcessInfo_t {
    unsigned int pid;
    unsigned long long usedGpuMemory; /* bytes */
    unsigned int gpuInstanceId;
    unsigned int computeInstanceId;
} nvmlProcessInfo_t;

/* Which processes nvmlDeviceGetRunningProcessDetailList is to list. */
#define NVML_PROCESS_MODE_COMPUTE  0u
#define NVML_PROCESS_MODE_GRAPHICS 1u
#define NVML_PROCESS_MODE_MPS      2u
#define NVML_PROCESS_MODE_ALL      3u

typedef struct nvmlProcessDetail_v1_t {
    unsigned int pid;
    unsigned long long usedGpuMemory; /* bytes */
    unsigned int gpuInstanceId;
    unsigned int computeInstanceId;
    unsigned long long usedGpuCcProtectedMemory; /* bytes, of confidential computing */
} nvmlProcessDetail_v1_t;

typedef struct nvmlProcessDetailList_v1_t {
    unsigned int version; /* NVML_STRUCT_VERSION(nvmlProcessDetailList_v1_t, 1) */
    unsigned int mode;
    unsigned int numProcArrayEntries;
    nvmlProcessDetail_v1_t *procArray;
} nvmlProcessDetailList_v1_t;

/* Kinds and spans of ECC errors, and where in a GPU they are. */
typedef unsigned int nvmlMemoryErrorType_t;
typedef unsigned int nvmlEccCounterType_t;
typedef unsigned int nvmlMemoryLocation_t;

#define NVML_MEMORY_ERROR_TYPE_CORRECTED   0u
#define NVML_MEMORY_ERROR_TYPE_UNCORRECTED 1u
#define NVML_MEMORY_ERROR_TYPE_COUNT       2u
#define NVML_VOLATILE_ECC                  0u /* since the driver was loaded */
#define NVML_AGGREGATE_ECC                 1u
#define NVML_ECC_COUNTER_TYPE_COUNT        2u
#define NVML_MEMORY_LOCATION_DRAM          2u
#define NVML_MEMORY_LOCATION_COUNT         8u

/* Events of a device. */
typedef struct nvmlEventSet_st *nvmlEventSet_t;

#define nvmlEventTypeSingleBitEccError 0x1ull
#define nvmlEventTypeDoubleBitEccError 0x2ull
#define nvmlEventTypeXidCriticalError  0x8ull

typedef struct nvmlEventData_t {
    nvmlDevice_t device;
    unsigned long long eventType;
    unsigned long long eventData; /* of an XID its number, else 0 */
    unsigned int gpuInstanceId;   /* without MIG both are NVML_VALUE_NOT_AVAILABLE */
    unsigned int computeInstanceId;
} nvmlEventData_t;

/* What must be done for a GPU to work again, a field of nvmlDeviceGetFieldValues. */
#define NVML_FI_DEV_GET_GPU_RECOVERY_ACTION 230u

#define NVML_GPU_RECOVERY_ACTION_NONE            0u
#define NVML_GPU_RECOVERY_ACTION_GPU_RESET       1u
#define NVML_GPU_RECOVERY_ACTION_NODE_REBOOT     2u
#define NVML_GPU_RECOVERY_ACTION_DRAIN_P2P       3u
#define NVML_GPU_RECOVERY_ACTION_DRAIN_AND_RESET 4u

#define NVML_VALUE_TYPE_UNSIGNED_INT 1u

typedef union nvmlValue_t {
    double dVal;
    unsigned int uiVal;
    unsigned long ulVal;
    unsigned long long ullVal;
    signed long long sllVal;
    int siVal;
    unsigned short usVal;
} nvmlValue_t;

typedef struct nvmlFieldValue_t {
    unsigned int fieldId;
    unsigned int scopeId;
    long long timestamp;   /* us since 1970 */
    long long latencyUsec; /* how long it took to read */
    unsigned int valueType;
    nvmlReturn_t nvmlReturn; /* of this field alone */
    nvmlValue_t value;
} nvmlFieldValue_t;

#endif
