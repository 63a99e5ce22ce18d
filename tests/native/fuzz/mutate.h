/* Inputs of a fuzz target, and how new ones are made of them. */
#ifndef HAMI_FUZZ_MUTATE_H
#define HAMI_FUZZ_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_SIZE 1024 /* bytes at most */

struct input {
    size_t size;
    uint8_t bytes[INPUT_SIZE];
};

struct corpus {
    size_t count;
    struct input *inputs;
};

void random_start(uint64_t seed);

void corpus_add(struct corpus *corpus, const struct input *input);
void corpus_free(struct corpus *corpus);

/* Copies one of the corpus, or nothing if there is none. */
void corpus_pick(const struct corpus *corpus, struct input *input);

/* Changes the input in a few places. */
void mutate(const struct corpus *corpus, struct input *input);

#endif
