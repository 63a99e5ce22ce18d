/* Graphs made by capturing a stream. */
#include "sim/cuda/graph.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

static CUresult begin_capture(CUstream stream) {
    CUgraph *capture = process_get() == NULL ? NULL : stream_capture(stream);
    if (capture == NULL)
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    return *capture != NULL ? CUDA_ERROR_ILLEGAL_STATE : cuGraphCreate(capture, 0);
}

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
    (void)mode; /* no call here is unsafe while another stream is captured */
    return begin_capture(stream);
}

CUresult cuStreamBeginCapture_v2_ptsz(CUstream stream, CUstreamCaptureMode mode) {
    return cuStreamBeginCapture_v2(stream_or_own(stream), mode);
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
    CUgraph *capture = process_get() == NULL ? NULL : stream_capture(stream);
    if (capture == NULL || *capture == NULL || graph == NULL)
        return CUDA_ERROR_ILLEGAL_STATE;
    *graph = *capture;
    *capture = NULL;
    return CUDA_SUCCESS;
}

CUresult cuStreamEndCapture_ptsz(CUstream stream, CUgraph *graph) {
    return cuStreamEndCapture(stream_or_own(stream), graph);
}

CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (status == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUgraph *capture = stream_capture(stream);
    bool is_captured = capture != NULL && *capture != NULL;
    *status = is_captured ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
    return CUDA_SUCCESS;
}

CUresult cuStreamIsCapturing_ptsz(CUstream stream, CUstreamCaptureStatus *status) {
    return cuStreamIsCapturing(stream_or_own(stream), status);
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
    static _Thread_local CUstreamCaptureMode of_thread = CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (mode == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUstreamCaptureMode previous = of_thread;
    of_thread = *mode;
    *mode = previous;
    return CUDA_SUCCESS;
}
