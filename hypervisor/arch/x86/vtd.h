/* SPDX-License-Identifier: GPL-2.0-only */
/* Intel VT-d, as vtd.c (units, DMA remapping, faults) and vtd-ir.c (interrupt remapping) share it. */
#ifndef X86_VTD_H
#define X86_VTD_H

#include <hv/cell.h>
#include <hv/lock.h>
#include <hv/pci.h>
#include "asm.h"
#include "iommu.h"

/* Registers (Intel VT-d 11.4 "Register Descriptions"). */
#define VTD_GSTS 0x1c
#define VTD_FSTS 0x34
#define VTD_FECTL 0x38
#define VTD_FEDATA 0x3c
#define VTD_FEADDR 0x40
#define VTD_FEUADDR 0x44
#define VTD_IQH 0x80
#define VTD_IQT 0x88
#define VTD_IQA 0x90
#define VTD_IRTA 0xb8

#define VTD_QUEUE_BYTES 4096			/**< ours, and what Linux' must have */
#define VTD_WAIT (0x5UL | 1UL << 5 | 1UL << 32) /**< descriptor: write 1 (6.5.2.8) */
#define VTD_FAULT_REGS 4

/* Commands; the unit shows the same bit once it has carried them out (11.4.4.1, 11.4.4.2). */
#define VTD_TRANSLATION (1U << 31)
#define VTD_ROOT_TABLE (1U << 30)
#define VTD_WRITE_BUFFER (1U << 27)
#define VTD_QUEUE (1U << 26)
#define VTD_REMAP_INTERRUPTS (1U << 25)
#define VTD_REMAP_TABLE (1U << 24)
#define VTD_COMPATIBLE (1U << 23) /**< interrupts that are not to be remapped pass */
#define VTD_ONE_SHOT (1U << 30 | 1U << 29 | VTD_WRITE_BUFFER | VTD_REMAP_TABLE)

/** struct vtd_pair - an entry of the root and context tables, of the remapping table, or a descriptor of a queue */
struct vtd_pair {
	u64 low, high;
};

/** struct vtd_unit - one remapping unit; all are in one pool page */
struct vtd_unit {
	const struct cell_iommu *listed;
	volatile u8 *regs;
	u64 capabilities, extended;
	struct spinlock lock; /**< of the queue and of what vtd-ir.c keeps */
	struct vtd_pair *queue;
	u32 tail;		    /**< of our queue, bytes */
	u32 done;		    /**< the unit writes it behind our commands */
	bool dead;		    /**< it did not, and that was reported */
	u32 faults[VTD_FAULT_REGS]; /**< FECTL to FEUADDR as root set them */
	/* vtd-ir.c */
	struct vtd_pair *remap;	      /**< table that the unit uses; NULL: Linux has interrupt remapping off */
	u64 linux_remap, linux_queue; /**< registers as Linux set them */
	u32 linux_tail;		      /**< how far root's descriptors were carried out, bytes */
};

_Static_assert(CELL_IOMMU_MAX * sizeof(struct vtd_unit) <= PAGE_SIZE, "units fit their page");

extern struct vtd_unit *vtd_units;
extern u32 vtd_num_units;

#define for_each_vtd(u) for ((u) = vtd_units; (u) < vtd_units + vtd_num_units; (u)++)

/** vtd_command() - set or clear a bit of the global command register; false: the unit does not follow, was reported */
bool vtd_command(struct vtd_unit *u, u32 bit, bool set);
/** vtd_submit() - let the unit carry out a descriptor, and wait, bounded; Context: u->lock */
void vtd_submit(struct vtd_unit *u, u64 low, u64 high);
/** vtd_drain() - let the unit carry out all up to @tail, in bytes, of whichever queue it has */
void vtd_drain(struct vtd_unit *u, u32 tail);
/** vtd_publish() - let the unit see an entry that was written, also if it does not snoop caches */
void vtd_publish(const struct vtd_unit *u, const void *entry);

/* --- vtd-ir.c: all of it does nothing if Linux has interrupt remapping off --- */

/** vtd_ir_check() - see what Linux has, and make a table; 0, -EIO, -EINVAL, -ERANGE, -ENOMEM, refused by address */
int vtd_ir_check(struct vtd_unit *u);
/** vtd_ir_take() - remember Linux' queue and table, before the queue is ours */
void vtd_ir_take(struct vtd_unit *u);
/** vtd_ir_enable() - let the unit use our table, with what root's says */
void vtd_ir_enable(struct vtd_unit *u);
/** vtd_ir_disable() - and Linux' again */
void vtd_ir_disable(struct vtd_unit *u);
/** vtd_ir_give() - the same for its queue, ours is off */
void vtd_ir_give(struct vtd_unit *u);
/** vtd_ir_address() - where a function wrote to raise the interrupt of an entry */
u64 vtd_ir_address(u32 index);

/* Hooks of struct iommu_driver. */
int vtd_ir_init_cell(struct cell *cell);
void vtd_ir_exit_cell(struct cell *cell);
void vtd_ir_reset_cell(const struct cell *cell);
void vtd_ir_update(void);
void vtd_ir_msi(const struct cell *cell, const struct cell_pci_device *device, u32 index, u32 count,
		struct msi_message *m);
bool vtd_ir_root_message(u32 address, u32 data, struct iommu_target *ret_target);
u64 vtd_ir_pin(const struct cell *cell, paddr_t chip, u32 pin, u64 entry);

#endif
