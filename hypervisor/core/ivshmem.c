// SPDX-License-Identifier: GPL-2.0-only
/*
 * ivshmem: virtual PCI devices by which cells share memory and interrupt each other (abi 7).
 *
 * Devices with the same bus address are peers of a link, which is a page of the pool. A cell's devices are found by the
 * cell's own list, written only while it is made, so that nobody but whoever holds the control lock looks at the list
 * of links. What a peer does to another is done under the link's lock; nothing that can wait is called with it held.
 * A place that nobody has has its interrupts off, which is all that other peers look at.
 */
#include <ivshmem.h>
#include <hv/arch.h>
#include <hv/ivshmem.h>
#include <hv/memory.h>
#include <hv/pool.h>
#include <hv/string.h>
#include "pci.h"

#define COMMAND_WRITABLE (COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INTX)
#define COMMAND_MASTER 0x0004
#define STATUS_CAPS 0x0010
#define REG_CLASS 0x08
#define REG_SUBSYSTEM 0x2c
#define REG_CAPS 0x34
#define DEVICE_ID (IVSHMEM_DEVICE << 16 | IVSHMEM_VENDOR)
#define CAP_VENDOR 0x09
#define CAP_MSIX 0x11
#define MSIX_CONTROL (MSIX_ENABLE | MSIX_ALL_MASKED)
#define MSIX_ENABLE 0x8000
#define MSIX_ALL_MASKED 0x4000
#define MSIX_MASKED 1
#define BAR_REGISTERS 0
#define BAR_MSIX 1

/* Memory regions of a device, from the first one on. */
enum { STATE_TABLE, RW_SECTION, OUTPUT_SECTION };

/** struct ivshmem - a device, and its place on the link; all zero if nobody has it */
struct ivshmem {
	const struct cell *cell;
	const struct cell_pci_device *device;
	struct ivshmem_link *link;
	struct ivshmem *next; /**< of the cell */
	bool enabled, one_shot;
	u16 command, msix_control;
	u32 state;
	u32 bars[PCI_BARS];
	struct msix_entry msix[IVSHMEM_VECTORS_MAX];
};

/** struct ivshmem_link - those that share memory */
struct ivshmem_link {
	struct ivshmem_link *next;
	struct spinlock lock;
	u16 bdf;
	struct ivshmem peers[IVSHMEM_PEERS_MAX];
};

_Static_assert(sizeof(struct ivshmem_link) <= PAGE_SIZE, "a link is a page");

static struct ivshmem_link *links;

#define for_each_own(d, of) for ((d) = (of)->ivshmem; (d); (d) = (d)->next)
#define for_each_link(l) for ((l) = links; (l); (l) = (l)->next)
#define for_each_peer(p, l) for ((p) = (l)->peers; (p) < (l)->peers + IVSHMEM_PEERS_MAX; (p)++)

static const struct cell_memory *regions_of(const struct cell_config *config, const struct cell_pci_device *device)
{
	return config_memory(config) + device->shmem_regions_start;
}

static u32 num_regions(const struct cell_pci_device *device)
{
	return OUTPUT_SECTION + device->shmem_peers;
}

/* --- interrupts and state --- */

/* Bus, MSI-X or the vector may be off: then it is lost, as it is for a device that was told so. */
static void interrupt(struct ivshmem *target, u32 vector)
{
	const struct msix_entry *e = &target->msix[vector];

	if (!target->enabled)
		return;
	target->enabled = !target->one_shot;
	if (target->command & COMMAND_MASTER && target->msix_control == MSIX_ENABLE && !(e->control & MSIX_MASKED))
		arch_msi_send(target->cell, e->address, e->address_high, e->data);
}

static void store_state(const struct ivshmem *d, u32 peer, u32 value)
{
	paddr_t at = regions_of(d->cell->config, d->device)[STATE_TABLE].phys_start + peer * sizeof(value);

	WRITE_ONCE(*(u32 *)((u8 *)arch_temp_map(at & PAGE_MASK) + (at & ~PAGE_MASK)), value);
}

static void set_state(struct ivshmem *d, u32 value)
{
	bool changed = d->state != value;
	struct ivshmem *peer;

	d->state = value;
	store_state(d, d->device->shmem_dev_id, value);
	for_each_peer (peer, d->link)
		if (changed && peer != d)
			interrupt(peer, 0);
}

static void ring(struct ivshmem *d, u32 doorbell)
{
	u32 vector = doorbell & 0xffff, target = doorbell >> 16;

	if (vector < MAX(d->device->num_msix_vectors, 1) && target < IVSHMEM_PEERS_MAX)
		interrupt(&d->link->peers[target], vector);
}

static void reset(struct ivshmem *d)
{
	d->enabled = d->one_shot = false;
	d->command = d->msix_control = 0;
	memset(d->bars, 0, sizeof(d->bars));
	for (u32 i = 0; i < IVSHMEM_VECTORS_MAX; i++)
		d->msix[i] = (struct msix_entry){ .control = MSIX_MASKED };
	set_state(d, 0);
}

/* --- configuration space --- */

static u32 half(u64 value, u16 reg)
{
	return reg & 4 ? value >> 32 : value;
}

static u32 msix_word(const struct ivshmem *d, u16 reg)
{
	u32 vectors = d->device->num_msix_vectors;

	switch (reg) {
	case IVSHMEM_CAP_MSIX:
		return CAP_MSIX | (vectors - 1) << 16 | (u32)d->msix_control << 16;
	case IVSHMEM_CAP_MSIX + 4:
		return BAR_MSIX;
	case IVSHMEM_CAP_MSIX + 8:
		return IVSHMEM_MSIX_PENDING | BAR_MSIX;
	default:
		return 0;
	}
}

static u32 config_word(const struct ivshmem *d, u16 reg)
{
	const struct cell_memory *mem = regions_of(d->cell->config, d->device);
	u32 vectors = d->device->num_msix_vectors;

	switch (reg) {
	case 0:
	case REG_SUBSYSTEM:
		return DEVICE_ID;
	case REG_COMMAND:
		return STATUS_CAPS << 16 | d->command;
	case REG_CLASS:
		return (u32)IVSHMEM_CLASS << 24 | d->device->shmem_protocol << 8;
	case REG_CAPS:
		return IVSHMEM_CAP;
	case REG_INTERRUPT: /* pin A to D */
		return vectors ? 0 : ((d->link->bdf >> 3 & 3) + 1) << 8;
	case IVSHMEM_CAP:
		return CAP_VENDOR | (vectors ? IVSHMEM_CAP_MSIX << 8 : 0) | IVSHMEM_CAP_BYTES << 16 |
		       (d->one_shot ? (u32)IVSHMEM_ONE_SHOT << 24 : 0);
	case IVSHMEM_CAP_STATE_SIZE:
		return mem[STATE_TABLE].size;
	case IVSHMEM_CAP_RW_SIZE:
	case IVSHMEM_CAP_RW_SIZE + 4:
		return half(mem[RW_SECTION].size, reg);
	case IVSHMEM_CAP_OUTPUT_SIZE:
	case IVSHMEM_CAP_OUTPUT_SIZE + 4:
		return half(mem[OUTPUT_SECTION].size, reg);
	case IVSHMEM_CAP_BASE:
	case IVSHMEM_CAP_BASE + 4:
		return half(mem[STATE_TABLE].virt_start, reg);
	default:
		if (reg >= REG_BAR0 && reg < REG_BAR_END)
			return d->bars[(reg - REG_BAR0) / 4];
		return vectors ? msix_word(d, reg) : 0;
	}
}

u32 ivshmem_config_read(struct ivshmem *d, u16 reg, u8 size)
{
	u32 value;

	if (reg >= IVSHMEM_CONFIG_BYTES)
		return pci_byte_mask(0, size);
	spin_lock(&d->link->lock);
	value = pci_extract(config_word(d, reg & ~3), reg, size);
	spin_unlock(&d->link->lock);
	return value;
}

/* @word: the aligned group of four bytes that has the register, as it would be if all of it could be written. */
static void write_word(struct ivshmem *d, u16 reg, u32 word)
{
	u32 mask;

	switch (reg) {
	case REG_COMMAND:
		d->command = word & COMMAND_WRITABLE;
		break;
	case IVSHMEM_CAP:
		d->one_shot = word >> 24 & IVSHMEM_ONE_SHOT;
		break;
	case IVSHMEM_CAP_MSIX:
		d->msix_control = d->device->num_msix_vectors ? word >> 16 & MSIX_CONTROL : 0;
		break;
	default:
		if (reg < REG_BAR0 || reg >= REG_BAR_END)
			break;
		mask = d->device->bar_mask[(reg - REG_BAR0) / 4];
		d->bars[(reg - REG_BAR0) / 4] = word & mask;
	}
}

bool ivshmem_config_write(struct ivshmem *d, u16 reg, u8 size, u32 value)
{
	bool header = reg < REG_HEADER_END;

	if (reg >= IVSHMEM_CONFIG_BYTES || (header && pci_device_rule(reg, pci_byte_mask(reg, size)) == FORBIDDEN))
		return false;
	spin_lock(&d->link->lock);
	write_word(d, reg & ~3, pci_merge(config_word(d, reg & ~3), reg, size, value));
	spin_unlock(&d->link->lock);
	return true;
}

struct ivshmem *ivshmem_find(const struct cell *cell, u16 bdf)
{
	struct ivshmem *d;

	for_each_own (d, cell)
		if (d->link->bdf == bdf)
			return d;
	return NULL;
}

/* --- what is behind the BARs --- */

static bool access_register(struct ivshmem *d, u32 offset, struct mmio_access *a)
{
	if (!a->write) {
		a->value = offset == IVSHMEM_ID		 ? d->device->shmem_dev_id
			   : offset == IVSHMEM_MAX_PEERS ? d->device->shmem_peers
			   : offset == IVSHMEM_INTERRUPT ? d->enabled
			   : offset == IVSHMEM_STATE	 ? d->state
							 : 0;
		return true;
	}
	if (offset == IVSHMEM_INTERRUPT)
		d->enabled = a->value & IVSHMEM_INTERRUPT_ENABLE;
	else if (offset == IVSHMEM_DOORBELL)
		ring(d, a->value);
	else if (offset == IVSHMEM_STATE)
		set_state(d, a->value);
	return true;
}

/* Root's message is judged again whenever it is sent, and a cell's cannot become one that it may not send. */
static bool write_msix(struct ivshmem *d, u32 vector, unsigned int word, u32 value)
{
	struct msix_entry e = d->msix[vector];
	u32 address;

	e.words[word] = word == 3 ? value & MSIX_MASKED : value;
	address = e.address;
	if (!(e.control & MSIX_MASKED) && d->cell != &root_cell &&
	    !arch_msi_allowed(d->cell, &address, e.address_high, e.data))
		return false;
	d->msix[vector] = e;
	return true;
}

static bool access_msix(struct ivshmem *d, u32 offset, struct mmio_access *a)
{
	if (offset >= d->device->num_msix_vectors * sizeof(struct msix_entry)) {
		a->value = 0;
		return !a->write && offset >= IVSHMEM_MSIX_PENDING && offset < IVSHMEM_MSIX_BYTES;
	}
	if (a->write)
		return write_msix(d, offset / 16, offset / 4 % 4, a->value);
	a->value = d->msix[offset / 16].words[offset / 4 % 4];
	return true;
}

static bool decodes(const struct ivshmem *d, unsigned int bar, u64 address, u32 *ret_offset)
{
	u32 mask = d->device->bar_mask[bar] & ~0xfU; /* the last bits tell the kind of BAR */
	u64 offset = address - (READ_ONCE(d->bars[bar]) & mask);

	*ret_offset = offset;
	return READ_ONCE(d->command) & COMMAND_MEMORY && offset < (mask & -mask);
}

static struct ivshmem *find_decoder(const struct cell *cell, u64 address, unsigned int *ret_bar, u32 *ret_offset)
{
	struct ivshmem *d;

	for_each_own (d, cell)
		for (*ret_bar = BAR_REGISTERS; *ret_bar <= BAR_MSIX; ++*ret_bar)
			if (decodes(d, *ret_bar, address, ret_offset))
				return d;
	return NULL;
}

/* Another CPU of the cell may have moved it meanwhile; then this is no access to a device. */
static bool handle_access(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
{
	unsigned int bar;
	u32 offset;
	struct ivshmem *d = find_decoder(cpu->cell, a->address, &bar, &offset);
	bool ok;

	(void)w;
	if (!d || a->size != 4 || offset & 3)
		return false;
	spin_lock(&d->link->lock);
	ok = bar == BAR_MSIX ? access_msix(d, offset, a) : access_register(d, offset, a);
	spin_unlock(&d->link->lock);
	return ok;
}

const struct mmio_window *ivshmem_window(const struct cell *cell, u64 address)
{
	static const struct mmio_window window = { 0, ~0UL, handle_access, NULL };
	unsigned int bar;
	u32 offset;

	return find_decoder(cell, address, &bar, &offset) ? &window : NULL;
}

/* --- life of cells --- */

static int refuse_device(const struct cell *cell, const struct cell_pci_device *d, int err, const char *why)
{
	return refuse(err, "cell %s: ivshmem device " BDF ": %s", cell->name, BDF_OF(d), why);
}

/* Guest-physical addresses follow from the sizes that the capability tells (abi 7.4). */
static bool are_contiguous(const struct cell_memory *mem, u32 num)
{
	u64 end = mem->virt_start + mem->size;

	for (u32 i = RW_SECTION; i < num; i++) {
		if ((i > OUTPUT_SECTION && mem[i].size != mem[OUTPUT_SECTION].size) ||
		    (mem[i].size && mem[i].virt_start != end))
			return false;
		end += mem[i].size;
	}
	return true;
}

/* We write it ourselves, so that it must be what memory_check() looks at. */
static bool is_table(const struct cell_memory *mem, u32 peers)
{
	return mem->size >= peers * sizeof(u32) && !(mem->phys_start % sizeof(u32)) &&
	       !(mem->flags & CELL_MEM_COMM_REGION) && !arch_reserved(mem->phys_start, mem->size);
}

static int check_memory(const struct cell *cell, const struct cell_pci_device *d)
{
	const struct cell_memory *mem = regions_of(cell->config, d);

	if ((u64)d->shmem_regions_start + num_regions(d) > cell->config->num_memory_regions)
		return refuse_device(cell, d, -EINVAL, "fewer memory regions than 2 + peers");
	if (!is_table(mem, d->shmem_peers))
		return refuse_device(cell, d, -EINVAL, "its first region cannot be a state table");
	if (!are_contiguous(mem, num_regions(d)))
		return refuse_device(cell, d, -EINVAL, "its sections do not follow each other");
	return 0;
}

/* One function at an address, or nobody could tell which is meant. */
static bool is_taken(const struct cell *cell, const struct cell_pci_device *d)
{
	const struct cell_pci_device *other;

	for_each_device (other, cell->config)
		if (other != d && other->bdf == d->bdf)
			return true;
	return cell == &root_cell && !system_config->pci_is_virtual && arch_pci_read(d->bdf, 0, 2) != 0xffff;
}

static int check(const struct cell *cell, const struct cell_pci_device *d)
{
	if (d->num_msix_vectors > IVSHMEM_VECTORS_MAX)
		return refuse_device(cell, d, -EINVAL, "more than 16 vectors");
	if (d->shmem_dev_id >= MIN(d->shmem_peers, IVSHMEM_PEERS_MAX))
		return refuse_device(cell, d, -EINVAL, "its peer ID is not below the number of peers, or 12");
	if (is_taken(cell, d))
		return refuse_device(cell, d, -EBUSY, "another function has its address");
	return check_memory(cell, d);
}

static struct ivshmem_link *find_link(u16 bdf)
{
	struct ivshmem_link *l;

	for_each_link (l)
		if (l->bdf == bdf)
			return l;
	l = pool_alloc(1);
	if (!l)
		return NULL;
	l->bdf = bdf;
	l->next = links;
	links = l;
	return l;
}

static int take_place(struct cell *cell, const struct cell_pci_device *device)
{
	struct ivshmem_link *link = find_link(device->bdf);
	struct ivshmem *d;

	if (!link)
		return refuse_device(cell, device, -ENOMEM, "no page left for its link");
	d = &link->peers[device->shmem_dev_id];
	if (d->cell)
		return refuse_device(cell, device, -EBUSY, "another cell has its peer ID");
	/* Others may look at it, and find it switched off. */
	d->cell = cell;
	d->device = device;
	d->link = link;
	d->next = cell->ivshmem;
	cell->ivshmem = d;
	return 0;
}

int ivshmem_init(struct cell *cell)
{
	const struct cell_pci_device *d;
	int err = 0;

	for_each_device (d, cell->config) {
		if (d->type != TYPE_IVSHMEM)
			continue;
		err = check(cell, d);
		if (!err)
			err = take_place(cell, d);
		if (err)
			break;
	}
	return err;
}

static bool has_peers(const struct ivshmem *d)
{
	const struct ivshmem *peer;

	for_each_peer (peer, d->link)
		if (peer != d && peer->cell)
			return true;
	return false;
}

static void free_link(struct ivshmem_link *link)
{
	struct ivshmem_link **at = &links;

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	pool_free(link, 1);
}

void ivshmem_exit(struct cell *cell)
{
	struct ivshmem *d;

	while ((d = cell->ivshmem)) {
		cell->ivshmem = d->next;
		if (!has_peers(d)) {
			free_link(d->link);
			continue;
		}
		d->cell = NULL;
	}
}

void ivshmem_attach(const struct cell *cell)
{
	struct ivshmem *d;

	for_each_own (d, cell)
		for (u32 peer = 0; peer < d->device->shmem_peers && !has_peers(d); peer++)
			store_state(d, peer, 0);
	ivshmem_reset(cell);
}

void ivshmem_reset(const struct cell *cell)
{
	struct ivshmem *d;

	for_each_own (d, cell) {
		spin_lock(&d->link->lock);
		reset(d);
		spin_unlock(&d->link->lock);
	}
}

void ivshmem_settle(void)
{
	struct ivshmem_link *l;

	for_each_link (l) {
		spin_lock(&l->lock);
		spin_unlock(&l->lock);
	}
}

/* --- memory of root's devices --- */

static bool overlaps(paddr_t start, u64 size, const struct cell_memory *mem)
{
	return mem->size && ranges_overlap(start, size, mem->phys_start, mem->size);
}

static bool contains(paddr_t start, u64 size, const struct cell_memory *mem)
{
	return start >= mem->phys_start && size <= mem->size && start - mem->phys_start <= mem->size - size;
}

static bool any_region(paddr_t start, u64 size, u32 first,
		       bool (*matches)(paddr_t start, u64 size, const struct cell_memory *mem))
{
	const struct ivshmem *d;

	for_each_own (d, &root_cell)
		for (u32 i = first; i < num_regions(d->device); i++)
			if (matches(start, size, regions_of(root_cell.config, d->device) + i))
				return true;
	return false;
}

bool ivshmem_shares(paddr_t start, u64 size)
{
	return any_region(start, size, RW_SECTION, contains);
}

bool ivshmem_reserved(paddr_t start, u64 size)
{
	return any_region(start, size, STATE_TABLE, overlaps);
}
