/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables that say how configuration files look: which key is which member of which struct.
 */
#ifndef CELLD_CONFIG_SHAPE_H
#define CELLD_CONFIG_SHAPE_H

#include "json-field.h"

/** CellConfig as a file of its own, and as root_cell in a SystemConfig. */
extern const JsonShape config_cell_shape, config_root_shape;

/** SystemConfig. */
extern const JsonShape config_system_shape;

/* Parts that cells and systems share (config-shape-parts.c). */
extern const JsonShape config_console_shape, config_memory_shape, config_cache_shape, config_irqchip_shape,
	config_pci_device_shape, config_pci_cap_shape, config_stream_id_shape;

extern const JsonNames config_arch_names;

/** "$schema": accepted for editors, ignored. */
extern const JsonType config_schema_link;

/** Where command_line goes: the address at which inmates look for it. */

/** msg_reply_timeout of a cell that exchanges messages and does not say; only "not 0" matters. */
#define CONFIG_MSG_REPLY_TIMEOUT 1000000

/** Largest arrays that files may have: what fits into a blob of the shortest elements. */
#define CONFIG_ARRAY_MAX (CONFIG_BLOB_MAX_BYTES / 4)

#endif
