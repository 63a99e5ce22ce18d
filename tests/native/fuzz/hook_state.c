/* A container's state on the hook's standard input: what is understood names a file and a process, what is refused says
 * why in one line, and blanks around it change nothing. */
#include "ocihook/state.h"

#include "target.h"

#include <stdlib.h>
#include <string.h>

static void expect_line(const char *text) {
    target_expect(text[0] != '\0' && strpbrk(text, "\n\r\t\x7f") == NULL);
}

/* Memory that ends where the text does, so that one byte too many is an error. */
static bool parse(const uint8_t *data, size_t size, struct state *state) {
    struct problem problem = {{0}};
    char *text = malloc(size + 1);
    target_expect(text != NULL);
    memcpy(text + 1, data, size);
    bool parsed = state_parse(text + 1, size, state, &problem);
    if (!parsed)
        expect_line(problem.text);
    free(text);
    return parsed;
}

static bool parse_between_blanks(const uint8_t *data, size_t size, struct state *state) {
    uint8_t *text = malloc(size + 2);
    target_expect(text != NULL);
    text[0] = '\n';
    memcpy(text + 1, data, size);
    text[size + 1] = ' ';
    bool parsed = parse(text, size + 2, state);
    free(text);
    return parsed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct state state, again;
    bool parsed = parse(data, size, &state);
    target_expect(parse_between_blanks(data, size, &again) == parsed);
    if (!parsed)
        return 0;
    target_expect(state.pid > 0 && state.pid == again.pid && strcmp(state.id, again.id) == 0);
    target_expect(state.id[0] != '\0' && state.id[0] != '.' && strpbrk(state.id, "/\\\"\n ") == NULL);
    return 0;
}
