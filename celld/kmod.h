/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel module's device: every ioctl, mapping and read that celld does, and nothing else of celld does any.
 *
 * Most calls are slow (CPUs go off line, cells are asked for consent): they belong into the child of an operation.
 * sim/ has a second implementation that plays module and hypervisor.
 */
#ifndef CELLD_KMOD_H
#define CELLD_KMOD_H

#include "util.h"

#define KMOD_PAGE_BYTES 4096

/** How long a cell is asked before it is shut down. */
typedef struct KmodConsent {
	uint32_t deadline_ms; /**< 0: the module's default */
	bool force;	      /**< at the deadline go on without consent; with 1 ms: as good as not asking */
} KmodConsent;

/** One piece of cell memory to fill. */
typedef struct KmodImage {
	const void *data;
	uint64_t size_bytes;
	uint64_t address; /**< guest-physical */
} KmodImage;

/** kmod_open - Return: file descriptor; -ENOENT or -ENODEV without module; -EPERM if the sandbox hides the device */
int kmod_open(void);

int kmod_enable(int fd, const void *system_blob);
int kmod_disable(int fd);
int kmod_cell_create(int fd, const void *blob, size_t size_bytes);

/** kmod_cell_load - shut down, then fill memory; without images it only shuts down. -ETIMEDOUT: no answer in time */
int kmod_cell_load(int fd, const char *name, const KmodConsent *consent, const KmodImage *images, size_t n_images);
int kmod_cell_start(int fd, const char *name, const KmodConsent *consent);
int kmod_cell_destroy(int fd, const char *name, const KmodConsent *consent);

/** kmod_last_error - the module's sentence on the last refused call, allocated; "" if there is none */
int kmod_last_error(char **ret);

/** kmod_registers - of the first CPU of the cell that violated, one line, allocated; "" if none has. Does not block. */
int kmod_registers(uint32_t id, char **ret);

/** kmod_map_comm - map the communication page of a cell, read only. Does not block. */
int kmod_map_comm(uint32_t id, const void **ret);

/**
 * kmod_map_console - the same for its console page, which keeps what it held when the cell is destroyed. Return: 0,
 * -ENXIO if the cell may not print, -errno
 */
int kmod_map_console(uint32_t id, const void **ret);
void kmod_unmap_page(const void *page);

#endif
