/* The dlsym and dlvsym that libvgpu.so stands in front of. */
#ifndef HAMI_CORE_REAL_DL_H
#define HAMI_CORE_REAL_DL_H

typedef void *dlsym_fn(void *handle, const char *name);
typedef void *dlvsym_fn(void *handle, const char *name, const char *version);

dlsym_fn *real_dlsym(void);
dlvsym_fn *real_dlvsym(void);

#endif
