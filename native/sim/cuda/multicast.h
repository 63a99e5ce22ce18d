/* Multicast objects: memory of several devices that is written at one address. What is written there goes nowhere. */
#ifndef HAMI_SIM_MULTICAST_H
#define HAMI_SIM_MULTICAST_H

#include "abi/cuda.h"

struct multicast;

/* Unbinds what is bound, and frees the object. With the lock of physical.h held. */
void multicast_free(struct multicast *multicast);

#endif
