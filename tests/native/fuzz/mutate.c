/* Inputs of a fuzz target, and how new ones are made of them. */
#include "mutate.h"

#include <stdlib.h>
#include <string.h>

#define MOST_CHANGES 6
#define MOST_BYTES   32 /* inserted, removed or copied at once */

static uint64_t state;

void random_start(uint64_t seed) {
    state = seed * 2 + 1; /* xorshift stands still at 0 */
}

static uint64_t random_number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t below(size_t limit) {
    return limit == 0 ? 0 : (size_t)(random_number() % limit);
}

void corpus_add(struct corpus *corpus, const struct input *input) {
    corpus->inputs = realloc(corpus->inputs, (corpus->count + 1) * sizeof *input);
    if (corpus->inputs == NULL)
        abort();
    corpus->inputs[corpus->count++] = *input;
}

void corpus_free(struct corpus *corpus) {
    free(corpus->inputs);
}

void corpus_pick(const struct corpus *corpus, struct input *input) {
    if (corpus->count == 0)
        input->size = 0;
    else
        *input = corpus->inputs[below(corpus->count)];
}

/* Makes room for `size` bytes at `at`, or for as many as there is room for. Returns how many. */
static size_t open_gap(struct input *input, size_t at, size_t size) {
    size_t room = INPUT_SIZE - input->size;
    if (size > room)
        size = room;
    memmove(input->bytes + at + size, input->bytes + at, input->size - at);
    input->size += size;
    return size;
}

static void flip_bit(const struct corpus *corpus, struct input *input) {
    (void)corpus;
    if (input->size > 0)
        input->bytes[below(input->size)] ^= (uint8_t)(1 << below(8));
}

static void set_byte(const struct corpus *corpus, struct input *input) {
    static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, '\n', ' ', '0', '9', '-', ',', '='};
    (void)corpus;
    if (input->size > 0)
        input->bytes[below(input->size)] = below(2) == 0 ? (uint8_t)random_number() : telling[below(sizeof telling)];
}

/* Numbers at which arithmetic goes wrong. */
static void set_number(const struct corpus *corpus, struct input *input) {
    static const uint64_t telling[] = {0, 1, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX, UINT32_MAX, UINT64_C(1) << 48};
    uint64_t number = telling[below(sizeof telling / sizeof *telling)] + below(3) - 1;
    (void)corpus;
    if (input->size >= sizeof number)
        memcpy(input->bytes + below(input->size - sizeof number + 1), &number, sizeof number);
}

static void insert(const struct corpus *corpus, struct input *input) {
    (void)corpus;
    size_t at = below(input->size + 1);
    size_t size = open_gap(input, at, 1 + below(MOST_BYTES));
    uint8_t byte = (uint8_t)random_number();
    bool all_the_same = below(2) == 0;
    for (size_t i = 0; i < size; i++)
        input->bytes[at + i] = all_the_same ? byte : (uint8_t)random_number();
}

static void erase(const struct corpus *corpus, struct input *input) {
    (void)corpus;
    size_t at = below(input->size);
    size_t size = 1 + below(MOST_BYTES);
    if (size > input->size - at)
        size = input->size - at;
    memmove(input->bytes + at, input->bytes + at + size, input->size - at - size);
    input->size -= size;
}

/* A piece of another input, or of this one. */
static void splice(const struct corpus *corpus, struct input *input) {
    struct input other;
    corpus_pick(corpus, &other);
    size_t from = below(other.size);
    size_t size = other.size - from < MOST_BYTES ? other.size - from : 1 + below(MOST_BYTES);
    size_t at = below(input->size + 1);
    size = open_gap(input, at, size);
    memcpy(input->bytes + at, other.bytes + from, size);
}

void mutate(const struct corpus *corpus, struct input *input) {
    static void (*const changes[])(const struct corpus *, struct input *) = {flip_bit, set_byte, set_number,
                                                                             insert,   erase,    splice};
    for (size_t i = 1 + below(MOST_CHANGES); i > 0; i--)
        changes[below(sizeof changes / sizeof *changes)](corpus, input);
}
