/*
 * A share across a fork: prints what parent and child hold once both have taken some, and what is left after both.
 *
 * Usage: fork_slots FOLDER of a share.
 */
#include "core/ledger.h"
#include "open_share.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void print(const char *who, const struct share *share) {
    printf("%s %" PRIu64 "\n", who, ledger_held(&share->region.map->slots[share->region.slot]));
    fflush(stdout);
}

static void be_child(struct share *share) {
    share_forget(share);
    if (share_give(share, UINT64_MAX) != 0 || share_take(share, 2000, 2000) != 2000)
        _exit(1);
    print("child", share);
    _exit(0);
}

int main(int count, char **arguments) {
    if (count != 2)
        return 2;
    static struct share *share; /* static: LeakSanitizer looks for what is still referred to */
    share = open_share(arguments[1]);
    share_take(share, 1000, 1000);
    print("parent", share);
    if (fork() == 0)
        be_child(share);
    wait(NULL);
    share_sweep(share);
    share_give(share, UINT64_MAX);
    printf("survivor %" PRIu64 "\n", share_look(share).used);
    return 0;
}
