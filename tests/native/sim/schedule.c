/* A schedule by itself. Usage: schedule SLICE SWITCH, with commands on standard input:
 *
 *     share              another sharer
 *     put SHARER NS      more work for it
 *     advance TO
 *     foresee SHARER POSITION LIMIT   prints when it gets there; the schedule stays as it is
 *     remove SHARER
 *     show               prints the time, and how much each sharer was served
 *     served             prints each piece that was served since the last time: when, for how long, up to where
 *     recent FIRST END   prints for how long the GPU ran in these spans
 */
#include "sim/common/schedule.h"
#include "sim/common/recent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim_schedule schedule, future;
static char pieces[1 << 20];

static void note(void *argument, struct sim_sharer *sharer, uint64_t start, uint64_t ns) {
    (void)argument;
    size_t length = strlen(pieces);
    snprintf(pieces + length, sizeof(pieces) - length, "%u:%" PRIu64 "+%" PRIu64 "=%" PRIu64 " ", sharer->queue, start,
             ns, sharer->served + ns);
}

static void show(void) {
    printf("%" PRIu64, schedule.now);
    for (unsigned i = 0; i < schedule.count; i++)
        printf(" %" PRIu64, schedule.sharers[i].served);
    printf("\n");
}

static uint64_t number(void) {
    char *text = strtok(NULL, " \n");
    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static void obey(const char *command, const struct schedule_rules *rules) {
    uint64_t first = number(), second = number(), third = number();
    if (strcmp(command, "share") == 0) {
        schedule.sharers[schedule.count].queue = schedule.count;
        schedule.count++;
    } else if (strcmp(command, "put") == 0)
        schedule.sharers[first].enqueued += second;
    else if (strcmp(command, "advance") == 0)
        schedule_advance(&schedule, rules, first, note, NULL);
    else if (strcmp(command, "foresee") == 0) {
        future = schedule;
        printf("%" PRIu64 "\n", schedule_foresee(&future, rules, (unsigned)first, second, third));
    } else if (strcmp(command, "remove") == 0)
        schedule_remove(&schedule, (unsigned)first);
    else if (strcmp(command, "show") == 0)
        show();
    else if (strcmp(command, "served") == 0) {
        printf("%s\n", pieces);
        *pieces = '\0';
    } else if (strcmp(command, "recent") == 0)
        printf("%" PRIu64 "\n", recent_sum(&schedule.recent, first, second));
    else
        exit(2);
}

int main(int count, char **arguments) {
    char line[256];
    if (count != 3)
        return 2;
    const struct schedule_rules rules = {strtoull(arguments[1], NULL, 10), strtoull(arguments[2], NULL, 10)};
    while (fgets(line, sizeof(line), stdin) != NULL)
        obey(strtok(line, " \n"), &rules);
    return 0;
}
