/* A library with thread-local memory of 4 MiB, which comes out of the stack of each thread of the program. */
static _Thread_local char room[4 << 20];

char *roomy(void);

char *roomy(void) {
    return room;
}
