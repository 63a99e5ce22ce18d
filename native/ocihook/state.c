/* A container's state, which the runtime writes to a hook's standard input. */
#include "ocihook/state.h"

#include "ocihook/clock.h"
#include "ocihook/json.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PID_DIGITS  7  /* of 4194304, the most that there can be */
#define SHOWN_BYTES 64 /* of a text that is complained of */

static int shown(const struct json_text *text) {
    return (int)(text->length < SHOWN_BYTES ? text->length : SHOWN_BYTES);
}

/* What runc, crun and containerd allow in a container's id; none of it needs an escape. */
static bool is_plain(char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '_' || character == '.' || character == '+' ||
           character == '-';
}

static bool take_id(const struct json_text *text, struct state *state, struct problem *problem) {
    if (text->length == 0 || text->length >= sizeof state->id)
        return problem_is(problem, "the container's id has %zu bytes, not 1 to %zu", text->length,
                          sizeof state->id - 1);
    for (size_t i = 0; i < text->length; i++)
        if (!is_plain(text->start[i]))
            return problem_is(problem, "the container's id is not the plain name of a file: %.*s", shown(text),
                              text->start);
    if (text->start[0] == '.')
        return problem_is(problem, "the container's id begins with a dot: %.*s", shown(text), text->start);
    memcpy(state->id, text->start, text->length);
    state->id[text->length] = '\0';
    return true;
}

/* A number without sign, fraction and exponent, that is above 0 and no longer than Linux's PIDs get. */
static bool take_pid(const struct json_text *text, struct state *state, struct problem *problem) {
    pid_t pid = 0;
    size_t digits = 0;
    while (digits < text->length && digits < PID_DIGITS && text->start[digits] >= '0' && text->start[digits] <= '9')
        pid = pid * 10 + (text->start[digits++] - '0');
    if (digits < text->length || pid == 0)
        return problem_is(problem, "the container's pid is no process's: %.*s", shown(text), text->start);
    state->pid = pid;
    return true;
}

static bool is_key(const struct json_text *key, const char *name) {
    return key->length == strlen(name) && memcmp(key->start, name, key->length) == 0;
}

/* Reads one value, of which only the id and the pid are wanted, each once. */
static bool read_member(struct json *json, const struct json_text *key, struct state *state, struct problem *problem) {
    struct json_text text;
    bool is_id = is_key(key, "id");
    bool is_pid = is_key(key, "pid");
    if ((is_id && state->id[0] != '\0') || (is_pid && state->pid != 0))
        return problem_is(problem, "the container's state has the key %s twice", is_id ? "id" : "pid");
    if (is_id)
        return json_string(json, &text) ? take_id(&text, state, problem)
                                        : problem_is(problem, "the container's id is not a string");
    if (is_pid)
        return json_number(json, &text) ? take_pid(&text, state, problem)
                                        : problem_is(problem, "the container's pid is not a number");
    return json_value(json) ||
           problem_is(problem, "the container's state is not JSON in its key %.*s", shown(key), key->start);
}

static bool read_members(struct json *json, struct state *state, struct problem *problem) {
    struct json_text key;
    if (json_symbol(json, '}'))
        return true;
    do {
        if (!json_string(json, &key) || !json_symbol(json, ':'))
            return problem_is(problem, "the container's state is not a JSON object");
        if (!read_member(json, &key, state, problem))
            return false;
    } while (json_symbol(json, ','));
    return json_symbol(json, '}') || problem_is(problem, "the container's state is a JSON object without an end");
}

bool state_parse(const char *text, size_t length, struct state *state, struct problem *problem) {
    struct json json = {text, text + length};
    *state = (struct state){.pid = 0};
    if (length == 0)
        return problem_is(problem, "there is no container's state on standard input: only a container runtime can run "
                                   "this, as a createRuntime hook");
    if (!json_symbol(&json, '{'))
        return problem_is(problem, "the container's state is not a JSON object");
    if (!read_members(&json, state, problem))
        return false;
    if (!json_end(&json))
        return problem_is(problem, "more than one JSON object follows on standard input");
    if (state->id[0] == '\0')
        return problem_is(problem, "the container's state has no id");
    return state->pid != 0 || problem_is(problem, "the container's state has no pid");
}

bool state_read(int descriptor, int milliseconds, struct state *state, struct problem *problem) {
    static char text[STATE_SIZE + 1];
    size_t length = 0;
    int64_t end = clock_ms() + milliseconds;
    while (length < sizeof text) {
        struct pollfd input = {.fd = descriptor, .events = POLLIN};
        int64_t left = end - clock_ms();
        if (left <= 0 || poll(&input, 1, (int)left) == 0)
            return problem_is(problem, "the runtime did not write the container's state within %d ms", milliseconds);
        ssize_t got = read(descriptor, text + length, sizeof text - length);
        if (got < 0 && errno != EINTR)
            return problem_is(problem, "the container's state cannot be read: %s", strerror(errno));
        if (got == 0)
            return state_parse(text, length, state, problem);
        length += got > 0 ? (size_t)got : 0;
    }
    return problem_is(problem, "the container's state is longer than %zu bytes", STATE_SIZE);
}
