/*
 * Graphs with nodes that allocate: the driver takes their memory when they are launched or uploaded, and keeps it on
 * the device for later launches until it is told to trim.
 *
 * How much a launch takes only the driver knows, for nodes that do not live at the same time use the same memory. So
 * the sum of all nodes is reserved before, if it fits. If not, the graph is uploaded, which takes the memory and runs
 * nothing: if what the driver has reserved then fits, the graph is launched.
 *
 * What any graph takes for itself, and for code that is loaded with it, counts soon after (overhead.h).
 */
#include "core/compute.h"
#include "core/driver.h"
#include "core/graphs.h"
#include "core/overhead.h"

/* Counts what the driver has reserved. False if that does not fit: then what is not in use was trimmed. */
static bool end_all(struct demands *demands) {
    bool fits = true;
    for (int i = 0; i < demands->count; i++) {
        fits &= backing_end(demands->of[i].backing, demands->of[i].taken);
        demands->of[i].taken = 0;
    }
    for (int i = 0; !fits && i < demands->count; i++)
        backing_trim(demands->of[i].backing);
    return fits;
}

/* Reserves all that is demanded. */
static bool begin_all(struct demands *demands) {
    for (int i = 0; i < demands->count; i++)
        if (!backing_begin(demands->of[i].backing, demands->of[i].bytes, &demands->of[i].taken)) {
            demands->count = i;
            (void)end_all(demands);
            return false;
        }
    return true;
}

/* An upload can be taken back by a trim: nothing has used the memory. */
static CUresult try_upload(cuGraphUpload_fn *driver, CUgraphExec exec, CUstream stream, struct demands *demands) {
    CUresult result = driver(exec, stream);
    return end_all(demands) ? result : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult upload_allocating(cuGraphUpload_fn *driver, CUgraphExec exec, CUstream stream) {
    struct demands demands;
    if (!graph_demands(exec, &demands))
        return driver(exec, stream);
    struct demands reserved = demands;
    bool ahead = begin_all(&reserved);
    return try_upload(driver, exec, stream, ahead ? &reserved : &demands);
}

static CUresult upload(cuGraphUpload_fn *driver, CUgraphExec exec, CUstream stream) {
    CUresult result = upload_allocating(driver, exec, stream);
    overhead_is_stale(gpu_of_stream(stream));
    return result;
}

/* A launch cannot be taken back: what the driver takes in it beyond all reckoning counts as far as there is room. */
static CUresult launch_allocating(cuGraphLaunch_fn *driver, cuGraphUpload_fn *upload_first, CUgraphExec exec,
                                  CUstream stream) {
    struct demands demands;
    if (!graph_demands(exec, &demands))
        return driver(exec, stream);
    struct demands reserved = demands;
    bool ahead = begin_all(&reserved);
    CUresult result = ahead ? CUDA_SUCCESS : try_upload(upload_first, exec, stream, &demands);
    if (result == CUDA_SUCCESS)
        result = driver(exec, stream);
    (void)end_all(ahead ? &reserved : &demands);
    return result;
}

/* What it takes of the GPU's time is learnt as of a kernel. `paced` is the stream that all know by that name. */
static CUresult launch(cuGraphLaunch_fn *driver, cuGraphUpload_fn *upload_first, CUgraphExec exec, CUstream stream,
                       CUstream paced) {
    struct pass pass = compute_admit(exec, 0, paced);
    return compute_launched(pass, launch_allocating(driver, upload_first, exec, stream));
}

CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) {
    return upload(DRIVER(cuGraphUpload), exec, stream);
}

CUresult cuGraphUpload_ptsz(CUgraphExec exec, CUstream stream) {
    return upload(DRIVER(cuGraphUpload_ptsz), exec, stream);
}

CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
    return launch(DRIVER(cuGraphLaunch), DRIVER(cuGraphUpload), exec, stream, stream);
}

CUresult cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream) {
    return launch(DRIVER(cuGraphLaunch_ptsz), DRIVER(cuGraphUpload_ptsz), exec, stream, or_own(stream));
}

/* It may have been uploaded at once. */
static CUresult instantiated(CUresult result, const CUgraphExec *exec, CUgraph graph) {
    struct demands demands = {0};
    if (result != CUDA_SUCCESS)
        return result;
    overhead_is_stale(gpu_of_current_context());
    if (graph_remember(*exec, graph) && (!graph_demands(*exec, &demands) || end_all(&demands)))
        return result;
    graph_forget(*exec);
    DRIVER(cuGraphExecDestroy)(*exec);
    (void)end_all(&demands);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *error, char *log, size_t size) {
    return instantiated(DRIVER(cuGraphInstantiate)(exec, graph, error, log, size), exec, graph);
}

CUresult cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *error, char *log, size_t size) {
    return instantiated(DRIVER(cuGraphInstantiate_v2)(exec, graph, error, log, size), exec, graph);
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
    return instantiated(DRIVER(cuGraphInstantiateWithFlags)(exec, graph, flags), exec, graph);
}

CUresult cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params) {
    return instantiated(DRIVER(cuGraphInstantiateWithParams)(exec, graph, params), exec, graph);
}

CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params) {
    return instantiated(DRIVER(cuGraphInstantiateWithParams_ptsz)(exec, graph, params), exec, graph);
}

/* What it has allocated lives on, and what it has freed stays with the device. */
CUresult cuGraphExecDestroy(CUgraphExec exec) {
    struct demands demands;
    bool known = graph_demands(exec, &demands);
    if (known)
        graph_forget(exec);
    CUresult result = DRIVER(cuGraphExecDestroy)(exec);
    if (known && result != CUDA_SUCCESS)
        (void)graph_put(exec, &demands);
    return result;
}

CUresult cuDeviceGraphMemTrim(CUdevice device) {
    CUresult result = DRIVER(cuDeviceGraphMemTrim)(device);
    backings_settle();
    return result;
}
