/* Contexts, and which of them is current to the calling thread. */
#ifndef HAMI_SIM_CONTEXT_H
#define HAMI_SIM_CONTEXT_H

#include "abi/cuda.h"
#include "sim/cuda/timeline.h"

#include <stdatomic.h>
#include <stdbool.h>

#define CONTEXT_LIMITS 3 /* of enum CUlimit, the first ones */

struct CUctx_st {
    _Atomic bool alive;
    CUdevice device;
    unsigned flags;
    unsigned api_version;
    unsigned retained; /* of a primary context: how often */
    bool is_green;     /* a part of its device's primary context */
    _Atomic int user;  /* of a green one: the thread to which it is current; 0: to none */
    unsigned uses;     /* how often it is that */
    unsigned long long id;
    size_t limits[CONTEXT_LIMITS];
    _Atomic uint64_t overhead;     /* bytes of device memory besides what is allocated in it */
    struct timeline timeline;      /* of its default stream */
    _Atomic uint64_t blocking_end; /* the position at which all is done that the default stream waits for */
    _Atomic uint64_t end;          /* the same for all streams */
};

/* The calling thread's current context, or the reason why it has none that works. */
CUresult context_current(CUcontext *context);

/* A context's place in the table of contexts, which names it in few bits, and back. */
unsigned context_index(CUcontext context);
CUcontext context_at(unsigned index);

/* The device's primary context, alive or not. */
CUcontext context_primary(CUdevice device);

/* The context itself, or the primary one of which a green one is a part. */
CUcontext context_whole(CUcontext context);

/* Held while contexts come to life and die. */
void context_lock(void);
void context_unlock(void);

/* Brings a context to life, at the cost in time and device memory that the machine sets. */
CUresult context_establish(CUcontext context, CUdevice device, unsigned flags, unsigned api_version);

/* Brings one to life that is not a device's primary one. It is current to nobody. */
CUresult context_create(CUcontext *context, CUdevice device, unsigned flags, unsigned api_version);

/* Waits until everything that was launched in the context is done. */
void context_synchronize(CUcontext context);

/* Whether who waits for work in the context may keep a processor busy meanwhile. */
bool context_may_spin(CUcontext context);

/* Ends a context's life, and frees what was allocated in it. */
void context_demolish(CUcontext context);

/* Takes device memory for the context besides what is allocated in it, until it is given back or the context ends. */
CUresult context_take_memory(CUcontext context, uint64_t bytes);
void context_give_memory(CUcontext context, uint64_t bytes);

/* So much of it as one object has, which may outlive the context. */
struct context_part {
    CUcontext context; /* NULL: there is none */
    unsigned long long context_id;
    uint64_t bytes;
};

/* Takes device memory, rounded up to whole units, and gives it back unless it went with its context. */
CUresult context_take_part(struct context_part *part, CUcontext context, uint64_t bytes);
void context_give_part(const struct context_part *part);

#endif
