/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMUs: what the rest of x86 calls (iommu.c), and what the driver of a make provides.
 *
 * The configuration lists the units; all must be of one make, and a driver serves all of them. What changes tables runs
 * under the control lock; faults are reported without it, so what both use (the queue of commands) needs a lock of its
 * own.
 */
#ifndef X86_IOMMU_H
#define X86_IOMMU_H

#include <hv/cell.h>
#include <hv/pci.h>

/** struct iommu_target - what a remapped interrupt reaches, of root's CPUs only */
struct iommu_target {
	u32 dest; /**< as apic_narrow() leaves it */
	bool logical;
	u32 data; /**< vector, delivery mode, as in a message */
};

/** struct iommu_driver - of one make; optional hooks may be NULL */
struct iommu_driver {
	u32 type; /**< of struct cell_iommu */
	const char *name;
	struct paging_format *format; /**< of the tables in struct cell.dma; init_format() may still change it */

	/**
	 * init_format() - optional: look at what the units can do, on Linux's page tables
	 *
	 * Context: before there are cells. Only arch_pci_read() and memory of our own may be used.
	 */
	int (*init_format)(void);
	/**
	 * init() - check the units, map their registers, make tables in which no function reaches anything
	 *
	 * If PCI is not moderated (pci_is_moderated()), all functions reach what root does. Linux must not translate.
	 * Context: setup, first CPU, root's tables exist; nothing changes for devices yet.
	 * Return: 0, -EBUSY (Linux uses the unit), -EIO, -EINVAL, -EPERM, -ENOMEM; refused by unit.
	 */
	int (*init)(void);
	/** init_cell() - what the units limit: 0, -ERANGE, -E2BIG, refused by name; root included, which is first */
	int (*init_cell)(struct cell *cell);
	/** exit_cell() - optional: give back what init_cell() took; it may not have been called */
	void (*exit_cell)(struct cell *cell);
	/** enable() - translate; 0, or -EIO with all units as Linux had them, refused by unit */
	int (*enable)(void);
	/** disable() - the units as Linux had them */
	void (*disable)(void);

	/**
	 * attach() - a function reaches what @cell's tables have, and forgets all else; its faults are told (again)
	 * @unit: index in the configuration, checked
	 *
	 * Context: setup before enable(), or under the control lock. Waits, bounded, until it has taken effect.
	 */
	void (*attach)(const struct cell *cell, unsigned int unit, u16 bdf);
	/** flush() - nothing that was in the cell's tables is used any more, accesses under way included; bounded */
	void (*flush)(const struct cell *cell);
	/**
	 * report_faults() - hand what the units logged to iommu_fault(), a bounded number
	 *
	 * A function that faults again and again is told of a few times, and then not until attach().
	 * Context: the CPU that iommu_fault_cpu() names, behind an NMI exit. Return: something was logged.
	 */
	bool (*report_faults)(void);

	/* Remapping of interrupts; all of it is optional. */

	/** remap_msi() - see arch_msi_remap(); the cell is not root */
	void (*remap_msi)(const struct cell *cell, const struct cell_pci_device *device, u32 index, u32 count,
			  struct msi_message *m);
	/** remap_pin() - what the IOAPIC is given for an entry of a cell, not root, that may take effect */
	u64 (*remap_pin)(const struct cell *cell, paddr_t chip, u32 pin, u64 entry);
	/** reset_cell() - none of the cell's functions and pins interrupts any more */
	void (*reset_cell)(const struct cell *cell);
	/** root_changed() - root's CPUs are others now */
	void (*root_changed)(void);
	/** root_message() - what a message of root's in the remappable format reaches; see iommu_root_message() */
	bool (*root_message)(u32 address, u32 data, struct iommu_target *ret_target);
};

extern const struct iommu_driver amdvi_driver;
extern const struct iommu_driver vtd_driver;

/* --- for drivers --- */

/** for_each_unit() - all units of the configuration; i: index */
#define for_each_unit(i, unit) \
	for ((i) = 0, (unit) = system_config->iommu; (i) < CELL_IOMMU_MAX && (unit)->base; (i)++, (unit)++)

/** iommu_fault_message() - message that tells of logged faults: an NMI on the CPU that will report them */
void iommu_fault_message(u32 *ret_address, u32 *ret_data);

/** iommu_fault() - a function's access was blocked: print it and tell root; @access: HV_EVENT_WRITE or 0 */
void iommu_fault(u16 bdf, u64 address, u32 access);

/* --- for the rest of x86; all of it does nothing if no unit is listed --- */

/** iommu_choose() - find the driver for the configuration's units; 0, -EINVAL, refused by unit, or init_format()'s */
int iommu_choose(void);
/** iommu_init() - hide the units from root, and init() */
int iommu_init(void);
/** iommu_init_cell() - check the limits that a unit has; 0, -ERANGE, -E2BIG */
int iommu_init_cell(struct cell *cell);
/** iommu_exit_cell() - undo it */
void iommu_exit_cell(struct cell *cell);
/** iommu_reset_cell() - none of the cell's functions and pins interrupts any more */
void iommu_reset_cell(const struct cell *cell);
/** iommu_root_changed() - root's CPUs are others now, and so are those that interrupts may reach */
void iommu_root_changed(void);
/** iommu_root_message() - what a message of a virtual device of root's in the remappable format reaches; false: nothing
 */
bool iommu_root_message(u32 address, u32 data, struct iommu_target *ret_target);
/** iommu_remap_pin() - what the IOAPIC at @chip is given for an entry of @cell, which may take effect */
u64 iommu_remap_pin(const struct cell *cell, paddr_t chip, u32 pin, u64 entry);
/** iommu_has() - does a range touch a unit's registers? */
bool iommu_has(paddr_t start, u64 size);
/** iommu_report_faults() - behind an NMI exit of @cpu; true: if the NMI had no other reason, it was a unit's */
bool iommu_report_faults(const struct pcpu *cpu, bool explained);

#endif
