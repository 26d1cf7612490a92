// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trapped memory: each cell's table of windows, and the access to device registers on a guest's behalf.
 *
 * A table is written only while its cell is made, so that lookups need no lock. What changes later is not in the table:
 * virtual devices, which a cell may move (ivshmem.c), and pages that root shares with a sub-page region (subpage.c).
 */
#include <hv/arch.h>
#include <hv/ivshmem.h>
#include <hv/memory.h>
#include <hv/mmio.h>
#include <hv/pool.h>
#include <hv/string.h>

/* A window per sub-page region, interrupt controller, BAR pair of a PCI device, IOMMU; and one for config space. */
static u64 windows_wanted(const struct cell_config *config)
{
	u64 n = config->num_irqchips + 2UL * config->num_pci_devices + CELL_IOMMU_MAX + 1;
	const struct cell_memory *mem;

	for_each_mem (mem, config)
		n += mem_is_subpage(mem);
	return n;
}

int mmio_init(struct cell *cell)
{
	u64 bytes = windows_wanted(cell->config) * sizeof(struct mmio_window);

	cell->mmio.pages = PAGE_ALIGN(bytes) / PAGE_SIZE;
	cell->mmio.windows = pool_alloc(cell->mmio.pages);
	return cell->mmio.windows ? 0 : refuse(-ENOMEM, "cell %s: no page left for trapped memory", cell->name);
}

void mmio_exit(struct cell *cell)
{
	pool_free(cell->mmio.windows, cell->mmio.pages);
	cell->mmio = (struct mmio_table){ 0 };
}

/* How many windows start at or below an address. */
static u32 windows_below(const struct mmio_table *t, u64 address)
{
	u32 low = 0, high = t->count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (t->windows[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int mmio_add(struct cell *cell, const struct mmio_window *window)
{
	struct mmio_table *t = &cell->mmio;
	u32 at = windows_below(t, window->start);
	const struct mmio_window *before = at ? &t->windows[at - 1] : NULL;
	const struct mmio_window *behind = at < t->count ? &t->windows[at] : NULL;
	u64 last = window->start + window->size - 1;

	if (t->count == t->pages * PAGE_SIZE / sizeof(*window))
		return refuse(-ENOMEM, "cell %s: too many ranges of trapped memory", cell->name);
	if (last < window->start || (before && window->start - before->start < before->size) ||
	    (behind && last >= behind->start))
		return refuse(-EINVAL, "cell %s: trapped memory 0x%llx+0x%llx: empty or overlaps another", cell->name,
			      (unsigned long long)window->start, (unsigned long long)window->size);
	for (u32 i = t->count; i > at; i--)
		t->windows[i] = t->windows[i - 1];
	t->windows[at] = *window;
	t->count++;
	return 0;
}

const struct mmio_window *mmio_find(const struct cell *cell, u64 address)
{
	const struct mmio_table *t = &cell->mmio;
	const struct mmio_window *device;
	u32 at = windows_below(t, address);

	if (at && address - t->windows[at - 1].start < t->windows[at - 1].size)
		return &t->windows[at - 1];
	device = ivshmem_window(cell, address);
	if (device)
		return device;
	return cell == &root_cell ? subpage_find_divided(address) : NULL;
}

bool mmio_emulate(struct pcpu *cpu, const struct mmio_window *window, struct mmio_access *a)
{
	u64 left = window->size - (a->address - window->start);

	return a->size <= left && window->handler(cpu, window, a);
}

static void access_register(volatile void *reg, struct mmio_access *a)
{
#define ACCESS(type)                                      \
	do {                                              \
		if (a->write)                             \
			*(volatile type *)reg = a->value; \
		else                                      \
			a->value = *(volatile type *)reg; \
	} while (0)
	switch (a->size) {
	case 1:
		ACCESS(u8);
		break;
	case 2:
		ACCESS(u16);
		break;
	case 4:
		ACCESS(u32);
		break;
	default:
		ACCESS(u64);
		break;
	}
#undef ACCESS
}

static void forward_part(paddr_t phys, struct mmio_access *a)
{
	access_register((u8 *)arch_temp_map_device(phys & PAGE_MASK) + (phys & ~PAGE_MASK), a);
}

/* Registers are mapped a page at a time: what crosses its end is done byte by byte. */
void mmio_forward(paddr_t phys, struct mmio_access *a)
{
	u64 value = 0;

	if ((phys & ~PAGE_MASK) + a->size <= PAGE_SIZE) {
		forward_part(phys, a);
		return;
	}
	for (unsigned int i = 0; i < a->size; i++) {
		struct mmio_access byte = { .size = 1, .write = a->write, .value = a->value >> (8 * i) & 0xff };

		forward_part(phys + i, &byte);
		value |= byte.value << (8 * i);
	}
	a->value = value;
}
