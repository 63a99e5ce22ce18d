/* Numbers as people and files write them, read strictly: what is not wholly understood is refused. */
#ifndef HAMI_CORE_BYTES_H
#define HAMI_CORE_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#define BYTES_MAX ((uint64_t)INT64_MAX)

/* Decimal digits and nothing else, at most BYTES_MAX. */
bool parse_number(const char *text, uint64_t *number);

/* A number of bytes with an optional unit in either case: k, m, g, ki, mi, gi, each also with b; all powers of 1024. */
bool parse_bytes(const char *text, uint64_t *bytes);

#endif
