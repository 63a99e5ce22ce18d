/* What nvidia-smi can print. Each returns the exit status. */
#ifndef HAMI_SIM_SMI_H
#define HAMI_SIM_SMI_H

#include <stdbool.h>

/* The table of everything. */
int smi_table(void);

/* -L: a line per GPU and MIG device. */
int smi_list(void);

/* --query-gpu: the fields, separated by commas, of each GPU; as CSV with the header and units unless they are off. */
int smi_query(const char *fields, bool header, bool units);

#endif
