/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest Linux in a cell: where its parts go, and what the boot parameters say. Pure; the kernel is untrusted input.
 */
#ifndef CELLD_LINUX_IMAGE_H
#define CELLD_LINUX_IMAGE_H

#include "config.h"

#define LINUX_PARAMS_ADDRESS 0x1000	    /**< guest-physical, as all of these: boot parameters, one page */
#define LINUX_NODE_ADDRESS 0x2000	    /**< setup_data of a cell */
#define LINUX_COMMAND_LINE_ADDRESS 0x212c   /**< behind it */
#define LINUX_COMMAND_LINE_MAX_BYTES 0x1000 /**< without NUL; a kernel may take less */
#define LINUX_LOADER_END 0x10000	    /**< all below is the loader's, and what is described above */

/** The parts of a guest Linux, but for its loader, which is at 0. */
typedef struct LinuxImage {
	uint8_t *params; /**< for LINUX_PARAMS_ADDRESS: boot parameters, setup_data and command line */
	size_t params_bytes;
	uint64_t kernel_address; /**< of the whole file */
	uint64_t initrd_address; /**< page aligned; 0: there is none */
} LinuxImage;

/**
 * linux_image_make - lay out a guest Linux in the memory of a cell
 * @kernel: a bzImage
 * @initrd_bytes: 0: there is none
 * @command_line: NULL: none
 * @ret: params is allocated
 * @ret_text: on failure what is wrong with the kernel, or with its place, allocated; NULL without memory
 *
 * Return: 0; -ENOEXEC: not a kernel that can be started; -EFBIG: a part does not fit where it must be; -ENOMEM
 */
int linux_image_make(const CellConfig *config, const uint8_t *kernel, size_t kernel_bytes, uint64_t initrd_bytes,
		     const char *command_line, LinuxImage *ret, char **ret_text);

#endif
