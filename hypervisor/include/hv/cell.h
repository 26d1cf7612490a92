/* SPDX-License-Identifier: GPL-2.0-only */
/* Cells: who owns what, and the life cycle of a cell. */
#ifndef HV_CELL_H
#define HV_CELL_H

#include <comm.h>
#include <config.h>
#include <console-page.h>
#include <hypercall.h>
#include <arch_types.h>
#include <hv/lock.h>
#include <hv/mmio.h>
#include <hv/paging.h>
#include <hv/types.h>

#define MAX_CPUS 256

/** struct cpu_set - logical CPUs */
struct cpu_set {
	u64 bits[MAX_CPUS / 64];
};

static inline bool cpu_set_has(const struct cpu_set *s, unsigned int cpu)
{
	return cpu < MAX_CPUS && (s->bits[cpu / 64] >> (cpu % 64) & 1);
}

static inline void cpu_set_add(struct cpu_set *s, unsigned int cpu)
{
	s->bits[cpu / 64] |= 1UL << (cpu % 64);
}

static inline void cpu_set_remove(struct cpu_set *s, unsigned int cpu)
{
	s->bits[cpu / 64] &= ~(1UL << (cpu % 64));
}

/** cpu_set_next() - the first CPU of a set from @cpu on, or MAX_CPUS */
static inline unsigned int cpu_set_next(const struct cpu_set *s, unsigned int cpu)
{
	for (; cpu < MAX_CPUS; cpu = (cpu | 63) + 1) {
		u64 rest = s->bits[cpu / 64] >> (cpu % 64);

		if (rest)
			return cpu + (unsigned int)__builtin_ctzl(rest);
	}
	return MAX_CPUS;
}

/** for_each_cpu() - all CPUs of a set in ascending order */
#define for_each_cpu(cpu, set) \
	for ((cpu) = cpu_set_next(set, 0); (cpu) < MAX_CPUS; (cpu) = cpu_set_next(set, (cpu) + 1))

/**
 * struct cell - a partition of the machine
 *
 * Written under the control lock while all CPUs of the cell are suspended. One pool page.
 */
struct cell {
	struct cell *next;		  /**< in order of creation; root is first */
	const struct cell_config *config; /**< our checked copy */
	u32 config_pages;		  /**< pool pages of config; 0 for root, whose copy is part of the system's */
	u32 id;
	char name[CELL_NAME_BYTES];
	struct cpu_set cpus;
	u32 failed_cpus;		   /**< how many are parked for a violation */
	bool loadable;			   /**< root may write the LOADABLE regions */
	bool asked;			   /**< a shutdown request is posted and not yet judged */
	struct cell_comm *comm;		   /**< communication page; NULL for root */
	struct cell_console_page *console; /**< NULL: the cell may not print, or is root */
	struct paging stage2;		   /**< guest-physical to physical */
	struct paging dma;		   /**< the same for its devices; without an IOMMU there are no tables */
	struct mmio_table mmio;		   /**< what is trapped instead */
	struct ivshmem *ivshmem;	   /**< first of its virtual devices */
	struct arch_cell arch;
};

/**
 * struct pcpu - what belongs to one CPU
 *
 * First in the CPU's block. Owned by its CPU; the fields in "shared" are written by others.
 */
struct pcpu {
	u32 id;		   /**< logical CPU */
	struct cell *cell; /**< changes only while the CPU is suspended */
	u32 stats[CELL_STAT_MAX];
	struct {
		u32 suspend;   /**< set by another CPU that wants this one to wait */
		u32 suspended; /**< the answer */
		u32 park;      /**< on resume: wait for start */
		u32 start;     /**< on resume: begin at the cell's reset address */
		u32 flush;     /**< on resume: stage-2 changed */
		u32 failed;    /**< parked for a violation */
	} shared;
	struct arch_pcpu arch;
};

extern struct cell root_cell;
extern const struct cell_system *system_config;

/* Arrays of a configuration; the counts were checked against its size. */
#define CONFIG_ARRAY(config, type, offset) ((const struct type *)((const u8 *)(config) + (offset)))

static inline const struct cell_memory *config_memory(const struct cell_config *c)
{
	return CONFIG_ARRAY(c, cell_memory, cell_config_memory_offset(c));
}

static inline const struct cell_pio *config_pio(const struct cell_config *c)
{
	return CONFIG_ARRAY(c, cell_pio, cell_config_pio_offset(c));
}

/** for_each_mem() - all memory regions of a configuration */
#define for_each_mem(mem, config) \
	for ((mem) = config_memory(config); (mem) < config_memory(config) + (config)->num_memory_regions; (mem)++)

/** for_each_pio() - all port ranges of a configuration */
#define for_each_pio(pio, config) \
	for ((pio) = config_pio(config); (pio) < config_pio(config) + (config)->num_pio_regions; (pio)++)

/** config_cpus() - CPU set of a configuration; -EINVAL for CPUs beyond MAX_CPUS */
int config_cpus(const struct cell_config *config, struct cpu_set *ret_set);

/** cpu_set_weight() - number of CPUs */
unsigned int cpu_set_weight(const struct cpu_set *set);

/** mem_is_subpage() - the region is trapped and forwarded, never mapped */
static inline bool mem_is_subpage(const struct cell_memory *mem)
{
	return ((mem->virt_start | mem->size) & ~PAGE_MASK) != 0;
}

/** mem_access() - ACCESS_* of a region's flags */
unsigned int mem_access(const struct cell_memory *mem);

/** for_each_cell() - root first */
#define for_each_cell(cell) for ((cell) = &root_cell; (cell); (cell) = (cell)->next)

/** cell_find() - NULL if there is none; Context: a root CPU */
struct cell *cell_find(u32 id);

/** cell_count() - number of cells, root included; Context: any CPU */
u32 cell_count(void);

/**
 * cell_init_root() - make the root cell from the system configuration
 *
 * Context: setup, first CPU. Return: 0, -EINVAL, -ENOMEM, -ERANGE.
 */
int cell_init_root(void);

/** cell_state() - the state word as the cell or we wrote it; 0 for root */
u32 cell_state(const struct cell *cell);

/** cell_set_state() - write the state word; returns the old one */
u32 cell_set_state(struct cell *cell, u32 state);

/*
 * Life cycle, each called by a root CPU that holds the control lock. The hypercalls of the same name in
 * abi/hypercall.h document arguments and errors.
 */
int cell_create(paddr_t config);
int cell_start(u32 id, bool force);
int cell_set_loadable(u32 id, bool force);
int cell_destroy(u32 id, bool force);

#endif
