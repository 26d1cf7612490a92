/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pretend machine that unit tests of the core run on: memory, CPUs that are threads, configurations.
 *
 * Physical memory is one mapping of the test process. Hypervisor memory lies in it; pool pages that nobody took are out
 * of bounds for AddressSanitizer. Every CPU is a thread that executes what a test hands it and answers kicks in
 * between, as a CPU does that leaves its guest: suspend, resume, park and start run as on a real machine. Whatever no
 * machine would survive ends the test by fake_fault().
 *
 * The core keeps state that only power-on resets. So each FAKE_TEST() runs in a child process of its own.
 */
#ifndef HOST_FAKE_H
#define HOST_FAKE_H

#include <hv/cell.h>
#include <hv/pci.h>

#define FAKE_MIB (1UL << 20)
#define FAKE_RAM_BYTES (32 * FAKE_MIB) /**< from physical address 0 */
#define FAKE_HV_START (30 * FAKE_MIB)  /**< hypervisor memory, not in root's configuration */
#define FAKE_DEVICE_START 0x10000000UL /**< root's device registers */
#define FAKE_DEVICE_BYTES FAKE_MIB
#define FAKE_IRQCHIP_START (FAKE_DEVICE_START + 0x80000) /**< one page that arch_reserved() names */
#define FAKE_CPUS_MAX 8
#define FAKE_NEVER 0xffffffffU

/** struct fake - knobs that a test turns before fake_boot(), and what hooks recorded */
struct fake {
	u32 cpus;			   /**< that come up: 0 to cpus - 1 */
	u32 max_cpus;			   /**< blocks */
	u64 hv_bytes;			   /**< size of hypervisor memory, at most 2 MiB */
	unsigned int max_leaf;		   /**< of the stage-2 format */
	bool iommu;			   /**< there is one, see iommu.c */
	u16 pci_reserved;		   /**< function that arch_pci_reserved() names; 0: none */
	bool no_mmconfig;		   /**< configuration space is reached by ports only */
	int start_error;		   /**< arch_start_devices() fails with this */
	int cell_init_error;		   /**< arch_cell_init() of a cell that is not root refuses with this */
	void (*on_temp_map)(paddr_t page); /**< called by arch_temp_map(): another CPU is fast just now */
	void (*on_pci_write)(u16 bdf);	   /**< called behind each write to configuration space */
	/** What arch_msi_remap() does. */
	void (*on_msi_remap)(const struct cell *cell, const struct cell_pci_device *device, u32 index, u32 count,
			     struct msi_message *m);
	u32 irqs, irq_apic_id, irq_vector; /**< arch_raise_irq(): calls, last arguments */
	u32 messages;			   /**< arch_msi_send(): those sent */
	u32 message_cpus, message_data;	   /**< the last one */
	u32 takes, gives, resets;	   /**< arch_cell_take(), arch_cell_give(), arch_cell_reset() */
	u32 cells;			   /**< arch_cell_init() less arch_cell_exit() */
};

extern struct fake fake;

/** fake_fault() - a machine check: say what was wrong and end the process */
__attribute__((noreturn)) void fake_fault(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* --- memory.c --- */

/** fake_ram() - the test's view of a physical address */
u8 *fake_ram(paddr_t address);

/** fake_device() - and of a device register */
u8 *fake_device(paddr_t address);

/** fake_power_on() - memory is zeroed, nothing else is there; image_header is filled in from struct fake */
void fake_power_on(void);

/** fake_console() - what the UART got since fake_power_on() or the last fake_console_clear() */
const char *fake_console(void);
void fake_console_clear(void);

/* --- pci.c --- */

#define FAKE_FUNCTIONS 8 /**< on bus 0 */
#define FAKE_MMCONFIG 0xe0000000UL

/** fake_pci() - registers of a function, plain memory */
u8 *fake_pci(u16 bdf, u16 reg);

/** fake_message() - address of a message to a set of CPUs, in this machine's format */
#define fake_message(cpus) (0xfa000000U | (cpus))

/* --- iommu.c --- */

extern struct paging_format fake_dma_format;

/**
 * fake_dma() - a function accesses memory
 *
 * What was reached once is reached until a flush of the cell that the function is attached to, as by a unit that caches
 * translations. Return: where the access goes, -1 if it is blocked.
 */
s64 fake_dma(u16 bdf, u64 address, unsigned int access);

/* --- pool-watch.c --- */

/** fake_pool_fail_after() - let @allocations succeed, then none; FAKE_NEVER: let all */
void fake_pool_fail_after(u32 allocations);

/* --- cpu.c --- */

/** fake_start_cpus() - struct fake.cpus threads, not in the hypervisor's hands yet */
void fake_start_cpus(void);

typedef s64 fake_job(struct pcpu *cpu, const u64 args[3]);

/** fake_post() - let an idle CPU execute a job; fake_wait() - until it has, returns the job's result */
void fake_post(unsigned int cpu, fake_job *job, u64 arg0, u64 arg1, u64 arg2);
s64 fake_wait(unsigned int cpu);

/** fake_call() - post, wait, and let all CPUs come to rest, so that a test may look at them */
s64 fake_call(unsigned int cpu, fake_job *job, u64 arg0, u64 arg1, u64 arg2);

/** fake_busy() - the CPU still executes its job or answers a kick */
bool fake_busy(unsigned int cpu);

/** fake_hypercall() - by a CPU that executes its guest; fake_post_hypercall() - the same without waiting for it */
s64 fake_hypercall(unsigned int cpu, u64 code, u64 arg1, u64 arg2);
void fake_post_hypercall(unsigned int cpu, u64 code, u64 arg1, u64 arg2);

/** fake_violate() - a CPU does what it must not do */
void fake_violate(unsigned int cpu, u32 cause, u64 address);

/* --- config.c --- */

/** struct fake_config - a configuration as tests write it */
struct fake_config {
	const char *name;
	u32 id, flags;
	u64 cpus;	   /**< bit n: CPU n; fake_boot() takes 0 for all */
	u32 high_cpu;	   /**< one more, if not 0 */
	u32 cpu_set_bytes; /**< 0: 8 */
	const struct cell_memory *memory;
	u32 num_memory;
	const struct cell_pci_device *pci;
	u32 num_pci;
	const struct cell_pci_cap *caps;
	u32 num_caps;
	u64 reset;
};

/** fake_config_write() - as a blob; returns its size */
u64 fake_config_write(const struct fake_config *config, void *to);

/** fake_root - a root cell: all CPUs, RAM in one region, device registers */
extern const struct fake_config fake_root;

/**
 * fake_boot() - power on, enter the hypervisor on all CPUs
 * @root: configuration of the root cell
 *
 * Return: what setup_cpu() returned on each CPU; a test fails if they disagree.
 */
int fake_boot(const struct fake_config *root);

/** FAKE_CONFIG - where fake_create() puts the blob, in root's RAM */
#define FAKE_CONFIG 0x10000UL

/** fake_create() - write the blob to FAKE_CONFIG and issue "create" on CPU 0 */
s64 fake_create(const struct fake_config *config);

/** fake_comm() - communication page of a cell, as the cell sees it */
struct cell_comm *fake_comm(u32 id);

/* --- tables.c --- */

/** fake_tables_visit() - all leaves of page tables in ascending order */
void fake_tables_visit(const struct paging *pg,
		       void (*visit)(u64 va, paddr_t pa, u64 size, unsigned int access, void *arg), void *arg);

/** struct fake_state - all that a failed or undone operation must leave as it was */
struct fake_state {
	u32 pool_used, cells, arch_cells;
	u64 root_tables; /**< digest of the leaves: where, how large, what they mean */
	u64 root_dma;	 /**< likewise, for devices */
	struct cpu_set root_cpus;
};

void fake_state_read(struct fake_state *ret_state);

/** fake_state_check() - end the test unless all is as in @before */
#define fake_state_check(before) fake_state_check_at(before, __FILE__, __LINE__)
void fake_state_check_at(const struct fake_state *before, const char *file, int line);

/* --- alone.c --- */

/** fake_run_alone() - run the test function that *state is in a child process, with a time limit */
void fake_run_alone(void **state);

/** FAKE_TEST() - in place of cmocka_unit_test() */
#define FAKE_TEST(f)                                                                  \
	{                                                                             \
		.name = #f, .test_func = fake_run_alone, .initial_state = (void *)(f) \
	}

#endif
