/* Turns on a GPU: of all processes that are held to a part of its time, one at a time has it for itself. */
#include "core/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define PATH_SIZE 4096

static int open_file(const char *prefix, const char *name, bool create) {
    char path[PATH_SIZE];
    if (snprintf(path, sizeof path, "%s%s", prefix, name) >= (int)sizeof path)
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (create ? O_CREAT : 0), 0644);
}

static void close_all(const struct turn *turn) {
    const int files[] = {turn->turn, turn->next, turn->urgent};
    for (int i = 0; i < 3; i++)
        if (files[i] >= 0)
            close(files[i]);
}

bool turn_open(struct turn *turn, const char *prefix, bool create) {
    turn->turn = open_file(prefix, "turn", create);
    turn->next = open_file(prefix, "next", create);
    turn->urgent = open_file(prefix, "urgent", create);
    turn->opened = turn->turn >= 0 && turn->next >= 0 && turn->urgent >= 0;
    if (!turn->opened)
        close_all(turn);
    return turn->opened;
}

/* A lock that cannot be had for any other reason than its owner is not worth waiting for. */
static void wait_for(int file, int operation) {
    while (flock(file, operation) != 0 && errno == EINTR)
        ;
}

static bool is_locked(int file) {
    if (flock(file, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK;
    flock(file, LOCK_UN);
    return false;
}

bool turn_is_wanted_urgently(const struct turn *turn, bool urgent) {
    return turn->opened && !urgent && is_locked(turn->urgent);
}

bool turn_is_wanted(const struct turn *turn) {
    return turn->opened && (is_locked(turn->next) || is_locked(turn->urgent));
}

bool turn_try(const struct turn *turn, bool urgent) {
    if (!turn->opened)
        return true;
    if (turn_is_wanted_urgently(turn, urgent) || flock(turn->next, LOCK_EX | LOCK_NB) != 0)
        return false;
    bool taken = flock(turn->turn, LOCK_EX | LOCK_NB) == 0;
    flock(turn->next, LOCK_UN);
    return taken;
}

static void wait_urgently(const struct turn *turn) {
    wait_for(turn->urgent, LOCK_SH);
    wait_for(turn->turn, LOCK_EX);
    flock(turn->urgent, LOCK_UN);
}

/* Who is next when an urgent one comes lets him go first. */
static void wait_in_line(const struct turn *turn) {
    for (;;) {
        wait_for(turn->urgent, LOCK_EX);
        flock(turn->urgent, LOCK_UN);
        wait_for(turn->next, LOCK_EX);
        wait_for(turn->turn, LOCK_EX);
        flock(turn->next, LOCK_UN);
        if (!is_locked(turn->urgent))
            return;
        flock(turn->turn, LOCK_UN);
    }
}

void turn_wait(const struct turn *turn, bool urgent) {
    if (turn->opened && urgent)
        wait_urgently(turn);
    else if (turn->opened)
        wait_in_line(turn);
}

void turn_end(const struct turn *turn) {
    if (turn->opened)
        flock(turn->turn, LOCK_UN);
}

void turn_forget(struct turn *turn) {
    if (turn->opened)
        close_all(turn);
    turn->opened = false;
}
