/* SPDX-License-Identifier: GPL-2.0-only */
/* Formats of page-table entries on x86: our own tables and AMD's nested ones. */
#ifndef X86_PTE_H
#define X86_PTE_H

#include <hv/paging.h>

/** Long-mode tables for supervisor mappings. */
extern const struct paging_format x86_page_format;

#endif
