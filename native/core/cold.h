/* For functions that are rarely called by ones that every allocation calls: inlined there, they would have each call
 * save registers that it does not use. */
#ifndef HAMI_CORE_COLD_H
#define HAMI_CORE_COLD_H

#define COLD __attribute__((cold, noinline))

#endif
