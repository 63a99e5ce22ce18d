/* cuGetProcAddress: the function of a name that a program built for a given CUDA version expects. */
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <string.h>

enum stream_kind { LEGACY, PER_THREAD };

static const struct row {
    const char *name;
    void *function;
    int since;
    enum stream_kind stream;
} rows[] = {
#define ROW(name, symbol, since, stream, arguments) {#name, (void *)symbol, since, stream},
    CUDA_FUNCTIONS(ROW)
#undef ROW
};

/* The better of two rows of one name for somebody who may have either: the newer, and the per-thread one, for that is
 * asked for explicitly; a name keeps the legacy one where it has no other. */
static bool better(const struct row *row, const struct row *than) {
    if (than == NULL || row->stream != than->stream)
        return than == NULL || row->stream == PER_THREAD;
    return row->since > than->since;
}

static CUdriverProcAddressQueryResult look_up(const char *name, int version, bool per_thread, void **function) {
    bool known = false;
    const struct row *best = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        if (strcmp(row->name, name) != 0)
            continue;
        known = true;
        if (row->since <= version && (per_thread || row->stream == LEGACY) && better(row, best))
            best = row;
    }
    *function = best == NULL ? NULL : best->function;
    if (best != NULL)
        return CU_GET_PROC_ADDRESS_SUCCESS;
    return known ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
}

static CUresult get(const char *name, void **function, int version, uint64_t flags,
                    CUdriverProcAddressQueryResult *status) {
    int driver;
    CUresult result = cuDriverGetVersion(&driver);
    if (result != CUDA_SUCCESS)
        return result;
    if (name == NULL || function == NULL || version > driver || flags > CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM)
        return CUDA_ERROR_INVALID_VALUE;
    *status = look_up(name, version, flags == CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, function);
    return CUDA_SUCCESS;
}

/* The version of CUDA 11 has no status to tell with, so not to find is an error. */
CUresult cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) {
    CUdriverProcAddressQueryResult status;
    CUresult result = get(name, function, version, flags, &status);
    if (result == CUDA_SUCCESS && status != CU_GET_PROC_ADDRESS_SUCCESS)
        return CUDA_ERROR_NOT_FOUND;
    return result;
}

CUresult cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags,
                             CUdriverProcAddressQueryResult *status) {
    CUdriverProcAddressQueryResult unasked;
    return get(name, function, version, flags, status != NULL ? status : &unasked);
}

/* NVIDIA's private tables. None is known here. */
CUresult cuGetExportTable(const void **table, const CUuuid *id) {
    if (table == NULL || id == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *table = NULL;
    return CUDA_ERROR_NOT_FOUND;
}
