/* Events of our own, which tell how far a stream has come. */
#include "core/events.h"

#include "core/current.h"
#include "core/devices.h"

/* A green context is a part of its device's primary one, and keeps that. It must be current to no other thread, and one
 * of ours looks at the events. */
static bool primary_of(CUstream stream, CUcontext *context) {
    CUdevice device;
    if (!device_of_stream(stream, &device) || DRIVER(cuDevicePrimaryCtxRetain)(context, device) != CUDA_SUCCESS)
        return false;
    DRIVER(cuDevicePrimaryCtxRelease_v2)(device);
    return true;
}

bool event_context(CUstream stream, CUcontext *context) {
    CUgreenCtx green;
    if (DRIVER(cuStreamGetGreenCtx)(stream, &green) == CUDA_SUCCESS && green != NULL)
        return primary_of(stream, context);
    return (!is_default(stream) && DRIVER(cuStreamGetCtx)(stream, context) == CUDA_SUCCESS) ||
           DRIVER(cuCtxGetCurrent)(context) == CUDA_SUCCESS;
}

CUevent event_create(CUcontext context) {
    CUevent event;
    if (!context_enter(context))
        return NULL;
    if (DRIVER(cuEventCreate)(&event, CU_EVENT_DEFAULT) != CUDA_SUCCESS)
        event = NULL;
    context_leave();
    return event;
}

/* Events go with their context, if that is no more. */
void event_destroy(CUcontext context, CUevent event) {
    if (event == NULL || !context_enter(context))
        return;
    DRIVER(cuEventDestroy_v2)(event);
    context_leave();
}
