/* What a fuzz target is made with. */
#ifndef HAMI_FUZZ_TARGET_H
#define HAMI_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string that ends where the memory ends; to be freed. */
char *target_text(const uint8_t *data, size_t size);

/* Lays the input over a file: each piece of it is a place (2 bytes, little endian), a length (1 byte) and as many
 * bytes. A place below `words` is a number of 8-byte words from the file's start, any other is a piece of 64 bytes from
 * `tail` on; so that a small input reaches every part of a large file. */
void target_overlay(int file, const uint8_t *data, size_t size, unsigned words, size_t tail);

/* Ends the process with a report, unless it is true. */
void target_expect(int truth);

#endif
