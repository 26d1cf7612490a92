// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-Vi (AMD I/O Virtualization Technology (IOMMU) Specification, 48882; sections by title).
 *
 * One device table serves all units: a function's entry names the tables of the cell that has it, and those of nobody,
 * in which there is nothing, if no cell does. A cell's domain is its id + 1; nobody's is 0. Interrupts are not
 * remapped.
 *
 * What the log tells is taken from its entries alone, which are zeroed behind us: the tail register may be ahead of
 * them. QEMU 7.2 blocks accesses, but logs none.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/lock.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/print.h>
#include <hv/string.h>
#include "asm.h"
#include "host.h"
#include "iommu.h"

/* "IOMMU Capability Block Registers", "MSI Capability Block Registers". */
#define CAP_ID_MASK 0x000700ff
#define CAP_ID 0x0003000f
#define CAP_EFR (1U << 27)
#define CAP_BASE_LOW 4
#define CAP_BASE_HIGH 8
#define CAP_BASE_ENABLE 1
#define MSI_ID 0x05
#define MSI_WORDS 4 /* control, address, its high half, data */
#define MSI_ENABLE (1U << 16)

/* "IOMMU MMIO Registers". */
#define REG_DEVICE_TABLE 0x0000
#define REG_COMMANDS 0x0008
#define REG_LOG 0x0010
#define REG_CONTROL 0x0018
#define REG_FEATURES 0x0030
#define REG_COMMAND_HEAD 0x2000
#define REG_COMMAND_TAIL 0x2008
#define REG_LOG_HEAD 0x2010
#define REG_LOG_TAIL 0x2018
#define REG_STATUS 0x2020
#define REGISTERS_BYTES 0x4000
#define RING_256 (8UL << 56) /* entries of the command buffer and of the event log: a page each */
#define CONTROL_ENABLE (1UL << 0)
#define CONTROL_LOG (1UL << 2)
#define CONTROL_LOG_INTERRUPT (1UL << 3)
#define CONTROL_COMMANDS (1UL << 12)
#define CONTROL_OURS (CONTROL_ENABLE | CONTROL_LOG | CONTROL_LOG_INTERRUPT | CONTROL_COMMANDS)
#define FEATURE_INVALIDATE_ALL (1UL << 6)
#define STATUS_OVERFLOW (1UL << 0)
#define STATUS_INTERRUPTS (1UL << 1 | 1UL << 2)
#define STATUS_LOG_RUNS (1UL << 3)
#define STATUS_RUNS (STATUS_LOG_RUNS | 1UL << 4)

/* "Device Table Entry Format". */
#define DTE_WORDS 4
#define DTE_PER_PAGE (PAGE_SIZE / (DTE_WORDS * sizeof(u64)))
#define DTE_V (1UL << 0)
#define DTE_TV (1UL << 1)
#define DTE_LEVELS(n) ((u64)(n) << 9)
#define DTE_READ (1UL << 61)
#define DTE_WRITE (1UL << 62)
#define DTE1_SILENT (1UL << 34)		  /* SA: no more I/O page fault events */
#define DTE2_PASS (7UL << 56 | 3UL << 62) /* INIT, ExtInt, NMI, LINT0 and LINT1 */
#define DOMAIN_NOBODY 0
#define DOMAIN_MAX 0xffff
#define DOMAIN(cell) ((cell)->id + 1)
#define FUNCTIONS_MAX 0x10000

/* "Page Table Entry Fields"; levels count from 1 there. */
#define PTE_PRESENT (1UL << 0)
#define PTE_NEXT(level) ((u64)(level) << 9)
#define PTE_COHERENT (1UL << 60)
#define PTE_READ (1UL << 61)
#define PTE_WRITE (1UL << 62)
#define PTE_ADDRESS 0x000ffffffffff000UL

/* "Commands". */
#define COMMAND(opcode) ((u64)(opcode) << 60)
#define COMMAND_WAIT COMMAND(1)
#define COMMAND_WAIT_STORE 1
#define COMMAND_FUNCTION COMMAND(2)
#define COMMAND_PAGES COMMAND(3)
#define COMMAND_PAGES_DOMAIN(domain) ((u64)(domain) << 32)
#define COMMAND_PAGES_ALL (0x7ffffffffffff000UL | 3) /* S and PDE: all there are, and their tables */
#define COMMAND_ALL COMMAND(8)

/* "Event Logging". */
#define EVENT_CODE(word) ((word) >> 60)
#define EVENT_FUNCTION(word) ((u16)(word))
#define EVENT_WRITE (1UL << 53)
#define EVENT_ILLEGAL_ENTRY 1 /* such as one beyond the table */
#define EVENT_PAGE_FAULT 2
#define EVENT_INVALID_REQUEST 8

#define RING_ENTRIES 256
#define UNWAITED 64		     /* commands that may be under way */
#define PATIENCE (1U << 26)	     /* rounds to wait for a command: seconds */
#define PATIENCE_REGISTER (1U << 16) /* for a change of a register */
#define TELL_OF_FUNCTION 8	     /* faults */
#define ODD_EVENTS_MAX 64	     /* those that nobody is told of */

struct ring_entry {
	u64 words[2];
};

/* What Linux may have in it. Writing a base sets the positions to 0. */
static const u16 saved_registers[] = { REG_DEVICE_TABLE, REG_COMMANDS, REG_LOG };
static const u16 positions[] = { REG_COMMAND_HEAD, REG_COMMAND_TAIL, REG_LOG_HEAD, REG_LOG_TAIL };

struct unit {
	const struct cell_iommu *config;
	unsigned int index;
	volatile u8 *registers;
	struct ring_entry *commands, *log;
	u32 tail, head; /* of ours, in entries */
	u64 *done;	/* where the unit stores how far it has come */
	u64 waits;
	u32 unwaited, odd_events;
	bool on, logs;
	bool deaf; /* does not answer: do not wait for it again */
	u64 saved[ARRAY_SIZE(saved_registers)], saved_control;
	u32 saved_msi[MSI_WORDS];
};

static struct unit units[CELL_IOMMU_MAX];
static unsigned int num_units;
static struct paging nobody;
static u64 *device_table;
static u32 num_functions; /* that the device table has */
static u8 *told;	  /* faults of each since attach() */
static struct spinlock command_lock;

/* --- formats --- */

static u64 make_leaf(paddr_t pa, unsigned int access, unsigned int level)
{
	(void)level; /* an entry without a next level maps as much as one of its level can */
	return pa | PTE_PRESENT | PTE_COHERENT | (access & ACCESS_READ ? PTE_READ : 0) |
	       (access & ACCESS_WRITE ? PTE_WRITE : 0);
}

static u64 make_table(paddr_t pa, unsigned int level)
{
	return pa | PTE_PRESENT | PTE_NEXT(level) | PTE_READ | PTE_WRITE;
}

static bool entry_present(u64 entry)
{
	return entry & PTE_PRESENT;
}

static bool entry_is_leaf(u64 entry, unsigned int level)
{
	(void)level;
	return !(entry & PTE_NEXT(7));
}

static unsigned int entry_access(u64 entry)
{
	return (entry & PTE_READ ? ACCESS_READ : 0) | (entry & PTE_WRITE ? ACCESS_WRITE : 0);
}

static paddr_t entry_address(u64 entry, unsigned int level)
{
	(void)level;
	return entry & PTE_ADDRESS;
}

static struct paging_format dma_format = {
	.levels = 4,
	.max_leaf = 2,
	.leaf = make_leaf,
	.table = make_table,
	.present = entry_present,
	.is_leaf = entry_is_leaf,
	.access = entry_access,
	.address = entry_address,
};

/* A function's entry. Who is not root sends only plain interrupts. */
static void encode_function(u64 dte[DTE_WORDS], const struct cell *cell)
{
	paddr_t tables = arch_virt_to_phys(cell ? cell->dma.root : nobody.root);

	dte[0] = DTE_V | DTE_TV | DTE_LEVELS(4) | tables | (cell ? DTE_READ | DTE_WRITE : 0);
	dte[1] = cell ? DOMAIN(cell) : DOMAIN_NOBODY;
	dte[2] = cell && cell != &root_cell ? 0 : DTE2_PASS;
	dte[3] = 0;
}

/* --- registers --- */

static u64 reg_read(const struct unit *u, u32 reg)
{
	return *(volatile u64 *)(u->registers + reg);
}

static void reg_write(const struct unit *u, u32 reg, u64 value)
{
	*(volatile u64 *)(u->registers + reg) = value;
}

static int refuse_unit(int err, const struct cell_iommu *config, const char *why)
{
	return refuse(err, "IOMMU %u at 0x%llx: %s", (u32)(config - system_config->iommu),
		      (unsigned long long)config->base, why);
}

#define for_each_on(u)                                    \
	for ((u) = units; (u) < units + num_units; (u)++) \
		if ((u)->on)

/* --- commands; under the lock once units are on --- */

static void put(struct unit *u, u64 word0, u64 word1)
{
	u->commands[u->tail] = (struct ring_entry){ { word0, word1 } };
	u->tail = (u->tail + 1) % RING_ENTRIES;
	u->unwaited++;
	memory_barrier();
	reg_write(u, REG_COMMAND_TAIL, u->tail * sizeof(struct ring_entry));
}

/* Until all that it was told to do has taken effect, for accesses under way as well. */
static void complete(struct unit *u)
{
	u64 wanted = ++u->waits;

	put(u, COMMAND_WAIT | COMMAND_WAIT_STORE | arch_virt_to_phys(u->done), wanted);
	u->unwaited = 0;
	for (u32 i = 0; !u->deaf && READ_ONCE(*u->done) != wanted; i++) {
		cpu_relax();
		u->deaf = i == PATIENCE;
		if (u->deaf)
			print("BUG: IOMMU %u does not answer\n", u->index);
	}
	memory_barrier();
}

static void command(struct unit *u, u64 word0, u64 word1)
{
	if (u->unwaited == UNWAITED)
		complete(u);
	put(u, word0, word1);
}

static void forget_pages(struct unit *u, u16 domain)
{
	command(u, COMMAND_PAGES | COMMAND_PAGES_DOMAIN(domain), COMMAND_PAGES_ALL);
}

/* What a unit has cached before us. */
static void forget_all(struct unit *u)
{
	if (reg_read(u, REG_FEATURES) & FEATURE_INVALIDATE_ALL) {
		command(u, COMMAND_ALL, 0);
	} else {
		for (u32 function = 0; function < num_functions; function++)
			command(u, COMMAND_FUNCTION | function, 0);
		for (u32 domain = 0; domain <= DOMAIN_MAX; domain++)
			forget_pages(u, domain);
	}
	complete(u);
}

/* --- the log --- */

static void set_log(struct unit *u, bool on)
{
	u64 control = reg_read(u, REG_CONTROL), bits = CONTROL_LOG | CONTROL_LOG_INTERRUPT;

	reg_write(u, REG_CONTROL, on ? control | bits : control & ~bits);
	u->logs = on;
}

/* "Event Log Restart Procedure" */
static void restart_log(struct unit *u)
{
	u->odd_events = 0;
	if (u->logs)
		return;
	for (u32 i = 0; i < PATIENCE_REGISTER && reg_read(u, REG_STATUS) & STATUS_LOG_RUNS; i++)
		cpu_relax();
	reg_write(u, REG_STATUS, STATUS_OVERFLOW | STATUS_INTERRUPTS);
	memset(u->log, 0, PAGE_SIZE);
	u->head = 0;
	reg_write(u, REG_LOG_HEAD, 0);
	reg_write(u, REG_LOG_TAIL, 0);
	set_log(u, true);
}

/* Its accesses stay blocked, but nobody hears of them. */
static void silence(u16 function)
{
	struct unit *u;

	device_table[function * DTE_WORDS + 1] |= DTE1_SILENT;
	memory_barrier();
	for_each_on (u) {
		command(u, COMMAND_FUNCTION | function, 0);
		complete(u);
	}
}

/* True if there was something new to say. */
static bool tell(const struct unit *u, const struct ring_entry *e)
{
	u64 code = EVENT_CODE(e->words[0]);
	u16 function = EVENT_FUNCTION(e->words[0]);
	bool known = function < num_functions;

	if (code != EVENT_ILLEGAL_ENTRY && code != EVENT_PAGE_FAULT && code != EVENT_INVALID_REQUEST) {
		if (u->odd_events < TELL_OF_FUNCTION)
			print("IOMMU %u: event %016llx %016llx\n", u->index, (unsigned long long)e->words[0],
			      (unsigned long long)e->words[1]);
		return false;
	}
	if (known && told[function] == TELL_OF_FUNCTION)
		return false;
	iommu_fault(function, e->words[1], e->words[0] & EVENT_WRITE ? HV_EVENT_WRITE : 0);
	if (known && ++told[function] == TELL_OF_FUNCTION)
		silence(function);
	return known;
}

static bool next_event(struct unit *u, struct ring_entry *ret_entry)
{
	struct ring_entry *e = &u->log[u->head];

	if (!EVENT_CODE(READ_ONCE(e->words[0])))
		return false;
	memory_barrier();
	*ret_entry = *e;
	memset(e, 0, sizeof(*e));
	u->head = (u->head + 1) % RING_ENTRIES;
	return true;
}

/* One round through the log at most. What never ends, whatever it is, ends with the log. */
static bool drain(struct unit *u)
{
	struct ring_entry e;
	u32 found = 0;

	for (; found < RING_ENTRIES && u->odd_events <= ODD_EVENTS_MAX && next_event(u, &e); found++)
		u->odd_events += !tell(u, &e);
	if (!found)
		return false;
	reg_write(u, REG_LOG_HEAD, u->head * sizeof(e));
	if (u->odd_events > ODD_EVENTS_MAX || reg_read(u, REG_STATUS) & STATUS_OVERFLOW) {
		set_log(u, false);
		print("IOMMU %u: too many faults, no more are told until a cell changes\n", u->index);
	}
	return true;
}

static bool report_faults(void)
{
	bool found = false;
	struct unit *u;

	for_each_on (u) {
		if (!u->logs || !EVENT_CODE(READ_ONCE(u->log[u->head].words[0])))
			continue;
		spin_lock(&command_lock);
		reg_write(u, REG_STATUS, STATUS_INTERRUPTS); /* what comes from now on interrupts again */
		found |= drain(u);
		spin_unlock(&command_lock);
	}
	return found;
}

/* --- cells --- */

static int init_cell(struct cell *cell)
{
	return cell->id < DOMAIN_MAX ? 0 : refuse(-ERANGE, "cell %s: no IOMMU domain for id %u", cell->name, cell->id);
}

static void flush(const struct cell *cell)
{
	struct unit *u;

	spin_lock(&command_lock);
	for_each_on (u) {
		forget_pages(u, DOMAIN(cell));
		complete(u);
		restart_log(u);
	}
	spin_unlock(&command_lock);
}

/* The unit may read an entry while it changes, so it allows nothing meanwhile. */
static void attach(const struct cell *cell, unsigned int unit, u16 function)
{
	u64 *dte = device_table + (u64)function * DTE_WORDS, entry[DTE_WORDS];
	u16 before = dte[1];
	struct unit *u;

	(void)unit; /* all units have the same table */
	spin_lock(&command_lock);
	encode_function(entry, cell);
	WRITE_ONCE(dte[0], dte[0] & ~(DTE_READ | DTE_WRITE));
	memory_barrier();
	WRITE_ONCE(dte[1], entry[1]);
	WRITE_ONCE(dte[2], entry[2]);
	memory_barrier();
	WRITE_ONCE(dte[0], entry[0]);
	memory_barrier();
	told[function] = 0;
	for_each_on (u) {
		command(u, COMMAND_FUNCTION | function, 0);
		forget_pages(u, before);
		forget_pages(u, DOMAIN(cell));
		complete(u);
		restart_log(u);
	}
	spin_unlock(&command_lock);
}

/* --- setup --- */

static int check_unit(const struct cell_iommu *config)
{
	u16 bdf = config->amd.bdf;
	u32 header = arch_pci_read(bdf, config->amd.base_cap, 4);
	u32 low = arch_pci_read(bdf, config->amd.base_cap + CAP_BASE_LOW, 4);
	u64 base = (u64)arch_pci_read(bdf, config->amd.base_cap + CAP_BASE_HIGH, 4) << 32 | (low & ~0x3fffU);

	if (config->size < REGISTERS_BYTES || config->size & (config->size - 1) || config->base & (REGISTERS_BYTES - 1))
		return refuse_unit(-EINVAL, config, "its registers cannot be there");
	if ((header & CAP_ID_MASK) != CAP_ID)
		return refuse_unit(-EINVAL, config, "its PCI function has no such capability");
	if (arch_pci_read(bdf, config->amd.msi_cap, 1) != MSI_ID)
		return refuse_unit(-EINVAL, config, "its PCI function has no MSI capability there");
	if (!(header & CAP_EFR))
		return refuse_unit(-EIO, config, "it does not say what it can do");
	if (low & CAP_BASE_ENABLE && base != config->base)
		return refuse_unit(-EPERM, config, "its registers are elsewhere, and locked");
	if (!(low & CAP_BASE_ENABLE)) {
		arch_pci_write(bdf, config->amd.base_cap + CAP_BASE_HIGH, 4, config->base >> 32);
		arch_pci_write(bdf, config->amd.base_cap + CAP_BASE_LOW, 4, (u32)config->base | CAP_BASE_ENABLE);
	}
	return 0;
}

static int init_unit(struct unit *u)
{
	int err = check_unit(u->config);

	if (err)
		return err;
	u->registers = host_map_device(u->config->base, REGISTERS_BYTES);
	u->commands = pool_alloc(1);
	u->log = pool_alloc(1);
	u->done = pool_alloc(1);
	if (!u->registers || !u->commands || !u->log || !u->done)
		return refuse_unit(-ENOMEM, u->config, "no pages left");
	if (reg_read(u, REG_CONTROL) & CONTROL_ENABLE)
		return refuse_unit(-EBUSY, u->config, "Linux uses it (boot with amd_iommu=off)");
	return 0;
}

/* Functions that can be somebody's. All others are beyond the table, which blocks them, or nobody's. */
static u32 count_functions(void)
{
	const struct cell_config *root = root_cell.config;
	const struct cell_pci_device *d = CONFIG_ARRAY(root, cell_pci_device, cell_config_pci_offset(root));
	u32 n = 0;

	if (!pci_is_moderated())
		return system_config->mmconfig_base ? (system_config->mmconfig_end_bus + 1U) << 8 : FUNCTIONS_MAX;
	for (u32 i = 0; i < root->num_pci_devices; i++)
		n = MAX(n, d[i].bdf + 1U);
	return (n + DTE_PER_PAGE - 1) / DTE_PER_PAGE * DTE_PER_PAGE;
}

static int init_table(void)
{
	num_functions = count_functions();
	device_table = pool_alloc(num_functions / DTE_PER_PAGE);
	told = pool_alloc(PAGE_ALIGN(num_functions) / PAGE_SIZE);
	if (!device_table || !told || paging_init(&nobody, &dma_format))
		return refuse(-ENOMEM, "no pages left for an IOMMU table of %u PCI functions", num_functions);
	for (u32 i = 0; i < num_functions; i++)
		encode_function(device_table + i * DTE_WORDS, pci_is_moderated() ? NULL : &root_cell);
	return 0;
}

static int init(void)
{
	const struct cell_iommu *config;
	unsigned int i;
	int err = init_table();

	for_each_unit (i, config) {
		units[i] = (struct unit){ .config = config, .index = i };
		if (!err)
			err = init_unit(&units[i]);
	}
	num_units = i;
	return err;
}

/* --- on and off --- */

/* Disabled while it changes. */
static void write_msi(const struct unit *u, const u32 msi[MSI_WORDS])
{
	u16 bdf = u->config->amd.bdf, cap = u->config->amd.msi_cap;

	arch_pci_write(bdf, cap, 4, msi[0] & ~MSI_ENABLE);
	for (unsigned int i = 1; i < MSI_WORDS; i++)
		arch_pci_write(bdf, cap + 4 * i, 4, msi[i]);
	arch_pci_write(bdf, cap, 4, msi[0]);
}

static void save(struct unit *u)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(saved_registers); i++)
		u->saved[i] = reg_read(u, saved_registers[i]);
	u->saved_control = reg_read(u, REG_CONTROL);
	for (unsigned int i = 0; i < MSI_WORDS; i++)
		u->saved_msi[i] = arch_pci_read(u->config->amd.bdf, u->config->amd.msi_cap + 4 * i, 4);
}

/* A device table at 0 is none, but QEMU 7.2 looks there for the interrupts of a unit that is off: it keeps ours. */
static void disable_unit(struct unit *u)
{
	reg_write(u, REG_CONTROL, u->saved_control & ~CONTROL_OURS);
	for (u32 i = 0; i < PATIENCE_REGISTER && reg_read(u, REG_STATUS) & STATUS_RUNS; i++)
		cpu_relax();
	for (unsigned int i = 0; i < ARRAY_SIZE(saved_registers); i++)
		if (u->saved[i] || saved_registers[i] != REG_DEVICE_TABLE)
			reg_write(u, saved_registers[i], u->saved[i]);
	reg_write(u, REG_STATUS, STATUS_OVERFLOW | STATUS_INTERRUPTS);
	reg_write(u, REG_CONTROL, u->saved_control);
	write_msi(u, u->saved_msi);
	u->on = false;
}

static void enable_unit(struct unit *u)
{
	u32 msi[MSI_WORDS] = { u->saved_msi[0] | MSI_ENABLE };

	reg_write(u, REG_DEVICE_TABLE, arch_virt_to_phys(device_table) | (num_functions / DTE_PER_PAGE - 1));
	reg_write(u, REG_COMMANDS, arch_virt_to_phys(u->commands) | RING_256);
	reg_write(u, REG_LOG, arch_virt_to_phys(u->log) | RING_256);
	for (unsigned int i = 0; i < ARRAY_SIZE(positions); i++)
		reg_write(u, positions[i], 0);
	reg_write(u, REG_STATUS, STATUS_OVERFLOW | STATUS_INTERRUPTS);
	iommu_fault_message(&msi[1], &msi[3]);
	write_msi(u, msi);
	reg_write(u, REG_CONTROL, u->saved_control | CONTROL_OURS);
	u->on = u->logs = true;
	forget_all(u);
}

static void disable(void)
{
	struct unit *u;

	for_each_on (u)
		disable_unit(u);
}

static int enable(void)
{
	struct unit *u;

	for (u = units; u < units + num_units; u++) {
		save(u);
		enable_unit(u);
		if (u->deaf) {
			disable();
			return refuse_unit(-EIO, u->config, "it does not answer");
		}
	}
	return 0;
}

const struct iommu_driver amdvi_driver = {
	.type = CELL_IOMMU_AMD,
	.format = &dma_format,
	.init = init,
	.init_cell = init_cell,
	.enable = enable,
	.disable = disable,
	.attach = attach,
	.flush = flush,
	.report_faults = report_faults,
};
