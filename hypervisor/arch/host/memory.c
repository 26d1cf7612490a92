// SPDX-License-Identifier: GPL-2.0-only
/* Memory, debug console and interrupt controller of the pretend machine: the hooks that are no CPU's business. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/pool.h>
#include "fake.h"

#define CORE_BYTES (2 * PAGE_SIZE)
#define CONSOLE_BYTES 65536

struct hv_console_ring console_ring;
struct hv_event_ring event_ring;
struct hv_image_header image_header;
struct fake fake;

static u8 *ram;
static u8 device[FAKE_DEVICE_BYTES];
static void *zero_page;
static char console[CONSOLE_BYTES];
static size_t console_used;
static bool console_on;

void fake_fault(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("pretend machine: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

u8 *fake_ram(paddr_t address)
{
	if (!ram || address >= FAKE_RAM_BYTES)
		fake_fault("0x%llx is not RAM", (unsigned long long)address);
	return ram + address;
}

u8 *fake_device(paddr_t address)
{
	if (address < FAKE_DEVICE_START || address >= FAKE_DEVICE_START + FAKE_DEVICE_BYTES)
		fake_fault("0x%llx is no device register", (unsigned long long)address);
	return device + (address - FAKE_DEVICE_START);
}

void fake_power_on(void)
{
	const unsigned int rw = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	ram = mmap(NULL, FAKE_RAM_BYTES, rw, flags, -1, 0);
	if (ram == MAP_FAILED)
		fake_fault("no memory");
	if (!fake.cpus)
		fake.cpus = 4;
	if (!fake.max_cpus)
		fake.max_cpus = fake.cpus;
	if (!fake.hv_bytes)
		fake.hv_bytes = FAKE_MIB;
	image_header = (struct hv_image_header){
		.core_size = CORE_BYTES,
		.percpu_size = PAGE_ALIGN(sizeof(struct pcpu)),
		.max_cpus = fake.max_cpus,
		.online_cpus = fake.cpus,
	};
	arch_stage2_format.max_leaf = fake.max_leaf ? fake.max_leaf : 1;
	fake_dma_format.max_leaf = arch_stage2_format.max_leaf;
}

/* --- memory hooks --- */

u8 *arch_memory_base(void)
{
	return fake_ram(FAKE_HV_START);
}

paddr_t arch_virt_to_phys(const void *virt)
{
	u64 offset = (const u8 *)virt - arch_memory_base();

	if (offset >= fake.hv_bytes)
		fake_fault("physical address of what is not in hypervisor memory");
	return FAKE_HV_START + offset;
}

void *arch_phys_to_virt(paddr_t phys)
{
	if (phys < FAKE_HV_START || phys >= FAKE_HV_START + fake.hv_bytes)
		fake_fault("0x%llx is not hypervisor memory", (unsigned long long)phys);
	return fake_ram(phys);
}

void *arch_temp_map(paddr_t page)
{
	if (page & ~PAGE_MASK)
		fake_fault("temporary mapping of 0x%llx", (unsigned long long)page);
	if (fake.on_temp_map)
		fake.on_temp_map(page);
	return fake_ram(page);
}

void *arch_temp_map_device(paddr_t page)
{
	if (page & ~PAGE_MASK)
		fake_fault("temporary mapping of 0x%llx", (unsigned long long)page);
	return page < FAKE_RAM_BYTES ? fake_ram(page) : fake_device(page);
}

paddr_t arch_zero_page(void)
{
	return arch_virt_to_phys(zero_page);
}

u32 arch_remap_used(void)
{
	return image_header.max_cpus;
}

static bool touches(paddr_t start, u64 size, paddr_t what, u64 what_size)
{
	return start < what + what_size && what < start + size;
}

const char *arch_reserved(paddr_t start, u64 size)
{
	if (touches(start, size, FAKE_HV_START, fake.hv_bytes))
		return "hypervisor memory";
	if (touches(start, size, FAKE_IRQCHIP_START, PAGE_SIZE))
		return "interrupt controller";
	return NULL;
}

int arch_init(void)
{
	zero_page = pool_alloc(1);
	return zero_page ? 0 : -ENOMEM;
}

/* Root reads zeros where we are. */
int arch_init_root(void)
{
	int err = 0;

	for (u64 offset = 0; !err && offset < fake.hv_bytes; offset += PAGE_SIZE)
		err = paging_map(&root_cell.stage2, FAKE_HV_START + offset, arch_zero_page(), PAGE_SIZE, ACCESS_READ,
				 false);
	return err;
}

int arch_init_devices(void)
{
	return 0;
}

/* --- resources of cells --- */

int arch_cell_init(struct cell *cell)
{
	if (cell != &root_cell && fake.cell_init_error)
		return refuse(fake.cell_init_error, "cell %s: as the test wants it", cell->name);
	cell->arch.page = pool_alloc(1);
	if (!cell->arch.page)
		return refuse(-ENOMEM, "cell %s: no page left for the architecture", cell->name);
	fake.cells++;
	return 0;
}

void arch_cell_exit(struct cell *cell)
{
	if (!cell->arch.page)
		return;
	pool_free(cell->arch.page, 1);
	cell->arch.page = NULL;
	fake.cells--;
}

/* Resources move only while nobody can use them. */
static void check_suspended(const struct cell *cell)
{
	unsigned int id;

	for_each_cpu (id, &cell->cpus)
		if (pcpu_of(id) != this_cpu() && !READ_ONCE(pcpu_of(id)->shared.suspended))
			fake_fault("CPU %u of cell %s is not suspended", id, cell->name);
}

void arch_cell_take(const struct cell *cell)
{
	check_suspended(&root_cell);
	check_suspended(cell);
	fake.takes++;
}

void arch_cell_give(const struct cell *cell)
{
	check_suspended(&root_cell);
	check_suspended(cell);
	fake.gives++;
}

void arch_cell_reset(const struct cell *cell)
{
	check_suspended(cell);
	fake.resets++;
}

void arch_cell_fill_comm(const struct cell *cell, struct cell_comm *comm)
{
	comm->x86.num_cpus = cpu_set_weight(&cell->cpus);
}

/* --- console, interrupts, time --- */

void arch_init_console(const struct cell_console *config)
{
	console_on = config->type == CELL_CONSOLE_8250;
}

void arch_console_putc(char c)
{
	if (!console_on || console_used + 1 >= CONSOLE_BYTES)
		return;
	console[console_used++] = c;
}

const char *fake_console(void)
{
	console[console_used] = '\0';
	return console;
}

void fake_console_clear(void)
{
	console_used = 0;
}

void arch_raise_irq(u32 apic_id, u32 vector)
{
	fake.irq_apic_id = apic_id;
	fake.irq_vector = vector;
	__atomic_add_fetch(&fake.irqs, 1, __ATOMIC_SEQ_CST);
}

u64 arch_timestamp(void)
{
	static u64 now;

	return __atomic_add_fetch(&now, 1, __ATOMIC_SEQ_CST);
}
