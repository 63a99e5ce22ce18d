/*
 * Namespaces of the dynamic loader: each that the program makes begins with a copy of us.
 *
 * The C library preloads nothing into a namespace. But what is loaded into it first is found first by all that follows,
 * as if it had been preloaded.
 *
 * It has 15 of them at most, and gives one anew when all in it has gone. A copy would stay for good where the program's
 * library could not be loaded, or was closed. So when another is made, copies that are alone are closed.
 */
#include "core/namespaces.h"

#include "core/lock.h"
#include "core/objects.h"
#include "core/real_dl.h"

#include <link.h>
#include <stddef.h>

#define NAMESPACES 16

typedef int dlclose_fn(void *handle);
typedef int dlinfo_fn(void *handle, int request, void *answer);

struct namespace {
    void *copy;                  /* of us */
    const struct link_map *last; /* of what was loaded with it: what comes behind is the program's */
    const void *thread;          /* that made it */
    bool used;                   /* something was seen to come behind */
};

static struct lock lock;
static struct namespace all[NAMESPACES]; /* the newest last */
static int count;

/* The thread that has made one is about to load something into it, unless it is here again. */
static bool is_left_behind(struct namespace *space) {
    bool alone = __atomic_load_n(&space->last->l_next, __ATOMIC_ACQUIRE) == NULL;
    space->used |= !alone;
    return alone && (space->used || space->thread == __builtin_thread_pointer());
}

static void *take_newest_left_behind(void) {
    void *copy = NULL;
    lock_take(&lock);
    int i = count - 1;
    while (i >= 0 && !is_left_behind(&all[i]))
        i--;
    if (i >= 0) {
        copy = all[i].copy;
        for (count--; i < count; i++)
            all[i] = all[i + 1];
    }
    lock_release(&lock);
    return copy;
}

/* In this order the C library gets back what the copies' libraries have taken of the room for threads' variables. No
 * lock is held meanwhile: the loader has one too, with which it may call code that makes a namespace. */
static void close_left_behind(void) {
    static _Atomic(void *) cache;
    dlclose_fn *real_dlclose = (dlclose_fn *)cached_symbol(&cache, "dlclose");
    for (void *copy; (copy = take_newest_left_behind()) != NULL;)
        real_dlclose(copy);
}

static void remember(struct link_map *copy) {
    const struct link_map *last = copy;
    while (last->l_next != NULL)
        last = last->l_next;
    lock_take(&lock);
    if (count < NAMESPACES)
        all[count++] = (struct namespace){.copy = copy, .last = last, .thread = __builtin_thread_pointer()};
    lock_release(&lock);
}

bool namespace_begin(dlmopen_fn *real, Lmid_t *space) {
    static _Atomic(void *) dladdr_cache, dlinfo_cache;
    dladdr_fn *real_dladdr = (dladdr_fn *)cached_symbol(&dladdr_cache, "dladdr");
    dlinfo_fn *real_dlinfo = (dlinfo_fn *)cached_symbol(&dlinfo_cache, "dlinfo");
    Dl_info us;
    if (real_dladdr((void *)namespace_begin, &us) == 0)
        return false;
    close_left_behind();
    void *copy = real(LM_ID_NEWLM, us.dli_fname, RTLD_NOW);
    if (copy == NULL || real_dlinfo(copy, RTLD_DI_LMID, space) != 0)
        return false;
    remember(copy);
    return true;
}

void namespaces_forget(void) {
    lock_release(&lock);
}
