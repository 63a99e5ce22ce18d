/* What a program does with captures of streams. */
#include "sim/cuda/capture.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
    CUcontext context;
    struct capture *capture;
    CUresult result = process_check();
    if (result == CUDA_SUCCESS)
        result = stream_capture(stream, &capture);
    if (result == CUDA_SUCCESS && capture != NULL)
        result = CUDA_ERROR_ILLEGAL_STATE;
    if (result == CUDA_SUCCESS)
        result = stream_context(stream, &context);
    if (result != CUDA_SUCCESS)
        return result;
    capture = capture_begin(stream, context, mode);
    if (capture == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    result = stream_join_capture(stream, capture);
    capture_release(capture);
    return result;
}

CUresult cuStreamBeginCapture_v2_ptsz(CUstream stream, CUstreamCaptureMode mode) {
    return cuStreamBeginCapture_v2(stream_or_own(stream), mode);
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
    struct capture *capture;
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (graph == NULL || stream_capture(stream, &capture) != CUDA_SUCCESS || capture == NULL)
        return CUDA_ERROR_ILLEGAL_STATE;
    return capture_end(capture, stream, graph);
}

CUresult cuStreamEndCapture_ptsz(CUstream stream, CUgraph *graph) {
    return cuStreamEndCapture(stream_or_own(stream), graph);
}

CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status) {
    return cuStreamGetCaptureInfo(stream, status, NULL);
}

CUresult cuStreamIsCapturing_ptsz(CUstream stream, CUstreamCaptureStatus *status) {
    return cuStreamIsCapturing(stream_or_own(stream), status);
}

CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph,
                                   const CUgraphNode **dependencies, size_t *count) {
    struct capture *capture = NULL;
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (status == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    stream_capture(stream, &capture);
    *status = capture != NULL ? capture_status(capture) : CU_STREAM_CAPTURE_STATUS_NONE;
    if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE)
        return CUDA_SUCCESS;
    if (id != NULL)
        *id = capture_id(capture);
    if (graph != NULL)
        *graph = capture_graph(capture);
    if (dependencies != NULL)
        *dependencies = NULL; /* nodes run in the order in which they come */
    if (count != NULL)
        *count = 0;
    return CUDA_SUCCESS;
}

CUresult cuStreamGetCaptureInfo_v2_ptsz(CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph,
                                        const CUgraphNode **dependencies, size_t *count) {
    return cuStreamGetCaptureInfo_v2(stream_or_own(stream), status, id, graph, dependencies, count);
}

CUresult cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus *status, uint64_t *id) {
    return cuStreamGetCaptureInfo_v2(stream, status, id, NULL, NULL, NULL);
}

CUresult cuStreamGetCaptureInfo_ptsz(CUstream stream, CUstreamCaptureStatus *status, uint64_t *id) {
    return cuStreamGetCaptureInfo(stream_or_own(stream), status, id);
}

CUresult cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph,
                                   const CUgraphNode **dependencies, const CUgraphEdgeData **edges, size_t *count) {
    if (edges != NULL)
        *edges = NULL;
    return cuStreamGetCaptureInfo_v2(stream, status, id, graph, dependencies, count);
}

CUresult cuStreamGetCaptureInfo_v3_ptsz(CUstream stream, CUstreamCaptureStatus *status, uint64_t *id, CUgraph *graph,
                                        const CUgraphNode **dependencies, const CUgraphEdgeData **edges,
                                        size_t *count) {
    return cuStreamGetCaptureInfo_v3(stream_or_own(stream), status, id, graph, dependencies, edges, count);
}
