/* What went wrong, as one line for people: it ends in an Event of the pod. */
#ifndef HAMI_OCIHOOK_PROBLEM_H
#define HAMI_OCIHOOK_PROBLEM_H

#include <stdbool.h>

struct problem {
    char text[1024];
};

/* Notes what is wrong and what to do; returns false, for the caller to return. */
__attribute__((format(printf, 2, 3))) bool problem_is(struct problem *problem, const char *format, ...);

#endif
