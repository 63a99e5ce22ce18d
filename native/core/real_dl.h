/* The functions of the dynamic loader that libvgpu.so stands in front of. */
#ifndef HAMI_CORE_REAL_DL_H
#define HAMI_CORE_REAL_DL_H

#include <dlfcn.h>

#define EXPORTED __attribute__((visibility("default")))

#if __has_attribute(musttail)
#define JUMP_TO(call) __attribute__((musttail)) return call
#else
#define JUMP_TO(call) return call /* which gcc makes a jump when it optimizes */
#endif

typedef void *dlsym_fn(void *handle, const char *name);
typedef void *dlvsym_fn(void *handle, const char *name, const char *version);
typedef int dladdr_fn(const void *address, Dl_info *object);

dlsym_fn *real_dlsym(void);
dlvsym_fn *real_dlvsym(void);

#endif
