/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pretended kernel module and hypervisor, for tests: state in a shared file, so that celld, the children that do its
 * work and the program that plays the hardware see the same.
 *
 * The folder $CELLD_SIM holds `state` (struct Sim) and the socket `events`.
 */
#ifndef CELLD_SIM_KERNEL_H
#define CELLD_SIM_KERNEL_H

#include <pthread.h>

#include "net.h"

#define SIM_FOLDER "CELLD_SIM"
#define SIM_CELLS 64
#define SIM_PAGE_BYTES 4096

/** How an inmate behaves. */
enum {
	SIM_SILENT = 1 << 0, /**< does not beat */
	SIM_DENY = 1 << 1,   /**< refuses to shut down */
	SIM_MUTE = 1 << 2,   /**< does not answer */
};

typedef struct SimCell {
	bool used;
	KernelCell kernel;
	unsigned behaviour; /**< SIM_*; outlives the cell, so that it can be set before */
	unsigned starts;
	char name[KERNEL_CELL_NAME_BYTES];
} SimCell;

typedef struct Sim {
	uint8_t pages[SIM_CELLS][SIM_PAGE_BYTES]; /**< communication pages */
	pthread_mutex_t lock;
	bool present;
	bool enabled;
	uint64_t seq;
	unsigned delay_usec; /**< of each ioctl */
	int next_error;	     /**< the next create, load or start fails with it, then it is 0 */
	char last_error[128];
	SimCell cells[SIM_CELLS];
} Sim;

/** sim_open - map the state, making it if it is not there */
Sim *sim_open(void);
void sim_lock(Sim *sim);
void sim_unlock(Sim *sim);

/** sim_find - by name; NULL if it is not created */
SimCell *sim_find(Sim *sim, const char *name);

/** sim_emit - an event of a cell (NULL: of none) to whoever listens; under the lock */
void sim_emit(Sim *sim, NetEventType type, const SimCell *cell, const char *cause, uint64_t address);

#endif
