/* Prints the intercepted functions, one `library effect name base since stream` per line. */
#include <stdio.h>

int main(void) {
#define HOOK(library, effect, name, base, since, stream, parameters)                                                   \
    puts(#library " " #effect " " #name " " #base " " #since " " #stream);
#define CALL(library, name, parameters)
#include "core/hooks.def"
    return 0;
}
