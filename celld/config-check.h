/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the configuration checker share. The parts are pure: structures in, problems out.
 */
#ifndef CELLD_CONFIG_CHECK_H
#define CELLD_CONFIG_CHECK_H

#include "config-origin.h"

#define PAGE_BYTES 4096ULL

enum { PCI_TYPE_DEVICE = 1, PCI_TYPE_BRIDGE = 2, PCI_TYPE_IVSHMEM = 3 };

typedef struct Checker {
	const CellConfig *cell;
	const SystemConfig *system; /**< may be NULL */
	ConfigProblems *problems;
	bool is_root; /**< @cell is the root cell of @system */
} Checker;

/** Bytes or ports [first, last]. */
typedef struct Range {
	uint64_t first, last;
} Range;

static inline bool range_overlaps(Range a, Range b)
{
	return a.first <= b.last && b.first <= a.last;
}

static inline bool range_contains(Range outer, Range inner)
{
	return outer.first <= inner.first && inner.last <= outer.last;
}

/** range_make - @size bytes from @first; @size > 0, and an end beyond 64 bits is cut off there */
Range range_make(uint64_t first, uint64_t size);

/** Text of a range, and room for it. */
typedef struct RangeText {
	char text[48];
} RangeText;

RangeText range_text(Range range);
#define RANGE(range) (range_text(range).text)

/** KEY - formatted key, lives to the end of the block */
_printf_(2, 3) const char *check_key(char buf[static 64], const char *format, ...);
#define KEY(...) check_key((char[64]){ 0 }, __VA_ARGS__)

/** check_report - a problem of the checked cell at its key (without prefix) */
_printf_(4, 5) void check_report(const Checker *checker, ConfigSeverity severity, const char *key, const char *format,
				 ...);

/** check_system_report - a problem of the machine at its key */
_printf_(4, 5) void check_system_report(const Checker *checker, ConfigSeverity severity, const char *key,
					const char *format, ...);

/** The other party of a conflict, as text: `memory[1] of cell "canary" (canary.json:12)`. */
typedef struct PartyText {
	char text[320];
} PartyText;

PartyText check_party(const Checker *checker, const CellConfig *other, const char *key);
PartyText check_system_party(const Checker *checker, const char *key);
#define PARTY(checker, other, key) (check_party((checker), (other), (key)).text)
#define SYSTEM_PARTY(checker, key) (check_system_party((checker), (key)).text)

/* Regions: all zeros is a placeholder; not page aligned is trapped, not mapped. */
static inline bool memory_is_placeholder(const MemoryRegion *region)
{
	return region->phys_start == 0 && region->virt_start == 0 && region->size == 0 && region->flags == 0;
}

static inline bool memory_is_subpage(const MemoryRegion *region)
{
	return (region->virt_start | region->size) % PAGE_BYTES != 0;
}

static inline bool memory_has_phys(const MemoryRegion *region)
{
	return region->size > 0 && !(region->flags & MEMORY_COMM_REGION);
}

static inline Range memory_phys(const MemoryRegion *region)
{
	return range_make(region->phys_start, region->size);
}

static inline Range memory_virt(const MemoryRegion *region)
{
	return range_make(region->virt_start, region->size);
}

/** memory_is_linux_ram - as a guest Linux is told */
static inline bool memory_is_linux_ram(const MemoryRegion *region)
{
	const uint64_t wanted = MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE | MEMORY_DMA;
	const uint64_t unwanted = MEMORY_IO | MEMORY_COMM_REGION | MEMORY_ROOTSHARED;

	return region->size > 0 && (region->flags & (wanted | unwanted)) == wanted;
}

/** memory_find_comm - the communication region of a cell, NULL if it has none */
const MemoryRegion *memory_find_comm(const CellConfig *cell);

/** check_link - device @i of the cell and @j of another are ivshmem devices with the same address */
void check_link(const Checker *checker, size_t i, const CellConfig *other, size_t j, ConfigSeverity severity);

/**
 * ivshmem_region_of_root - what root shares by ivshmem that a range touches, NULL if there is nothing
 * @ret_is_section: all of the range is in a section, which peers may write even if root does not
 */
const MemoryRegion *ivshmem_region_of_root(const CellConfig *root, Range phys, bool *ret_is_section);

/* The parts. */
void check_memory(const Checker *checker); /**< config-check-memory.c */
void check_ports(const Checker *checker);  /**< config-check-devices.c */
void check_irqchips(const Checker *checker);
void check_caches(const Checker *checker);
void check_pci(const Checker *checker);
void check_ivshmem(const Checker *checker, size_t i); /**< config-check-ivshmem.c */
void check_console(const Checker *checker, const ConsoleConfig *console, const char *key);
void check_images(const Checker *checker); /**< config-check-policy.c */
void check_supervision(const Checker *checker);

#endif
