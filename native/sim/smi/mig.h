/* What nvidia-smi shows of MIG devices. */
#ifndef HAMI_SIM_SMI_MIG_H
#define HAMI_SIM_SMI_MIG_H

#include "abi/nvml.h"

#define SMI_MIG_DEVICES 16 /* of one GPU; more than any has */

/* The MIG devices of a GPU that this process may use; 0 where it is not in MIG mode. */
unsigned mig_devices(nvmlDevice_t gpu, nvmlDevice_t devices[SMI_MIG_DEVICES]);

/* A line for each, below that of its GPU. */
nvmlReturn_t mig_list(nvmlDevice_t gpu);

/* A row for each, of the table of MIG devices. */
nvmlReturn_t mig_print_rows(unsigned index, nvmlDevice_t gpu);

#endif
