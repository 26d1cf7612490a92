/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an architecture provides to the core: every hook is declared here and nowhere else.
 *
 * arch_types.h, found in the architecture's folder, adds struct arch_cell, struct arch_pcpu, this_cpu() and
 * pcpu_of().
 */
#ifndef HV_ARCH_H
#define HV_ARCH_H

#include <hv/cell.h>
#include <hv/event.h>

struct msi_message;

/** Format of stage-2 tables; max_leaf is set by arch_init(). */
extern struct paging_format arch_stage2_format;

/** arch_init_console() - set up the debug console's UART; first CPU, before anything is printed */
void arch_init_console(const struct cell_console *console);
/** arch_console_putc() - one byte to the UART; bounded wait */
void arch_console_putc(char c);

/** arch_init() - page tables, interrupt controller; first CPU. 0 or -errno */
int arch_init(void);
/** arch_init_root() - what needs the root cell: hide hypervisor memory, trap what must be trapped; first CPU */
int arch_init_root(void);
/** arch_init_devices() - interrupt controllers that root shares with cells; first CPU, behind its arch_init_cpu() */
int arch_init_devices(void);
/**
 * arch_start_devices() - what takes effect on devices, when all CPUs are in
 *
 * Context: the last CPU. Return: 0 or -errno, with nothing changed.
 */
int arch_start_devices(void);
/** arch_stop_devices() - as Linux had them; no cell is left, and no CPU is native yet */
void arch_stop_devices(void);
/** arch_init_cpu() - all that a CPU needs before it can enter its guest; each CPU, one after the other. 0 or -errno */
int arch_init_cpu(struct pcpu *cpu);

/** arch_cell_init() - resources of a cell apart from memory: all that may fail. 0 or -errno, refused by name */
int arch_cell_init(struct cell *cell);
/** arch_cell_exit() - free what arch_cell_init() allocated */
void arch_cell_exit(struct cell *cell);
/** arch_cell_take() - move ports and other resources from root to the cell; all CPUs suspended */
void arch_cell_take(const struct cell *cell);
/** arch_cell_give() - and back, what root's configuration lists; after arch_cell_reset() */
void arch_cell_give(const struct cell *cell);
/** arch_cell_reset() - devices and interrupt lines of the cell as after power-on; its CPUs suspended */
void arch_cell_reset(const struct cell *cell);
/** arch_cell_fill_comm() - fill the architecture's part of the communication page */
void arch_cell_fill_comm(const struct cell *cell, struct cell_comm *comm);

/** arch_kick() - make a CPU leave its guest soon */
void arch_kick(struct pcpu *cpu);
/** arch_park() - the calling CPU will not execute cell code until it is started */
void arch_park(struct pcpu *cpu);
/** arch_start() - the calling CPU begins at its cell's reset address */
void arch_start(struct pcpu *cpu);
/** arch_flush() - the calling CPU drops cached stage-2 translations before it enters the guest */
void arch_flush(struct pcpu *cpu);
/** arch_get_regs() - the calling CPU's guest registers, in the order of struct hv_event */
void arch_get_regs(const struct pcpu *cpu, u64 regs[20]);
/** arch_stop() - stop this CPU for good; control_suspend() does not wait for it */
__attribute__((noreturn)) void arch_stop(void);
/** arch_leave() - make the calling CPU native again, behind its hypercall, with result 0 */
__attribute__((noreturn)) void arch_leave(struct pcpu *cpu);
/** arch_raise_irq() - send root an interrupt */
void arch_raise_irq(u32 apic_id, u32 vector);
/** arch_timestamp() - time stamp counter */
u64 arch_timestamp(void);

/** arch_reserved() - name of what an address range of root's would touch that no cell may have, or NULL */
const char *arch_reserved(paddr_t start, u64 size);

/** arch_temp_map() - map a page for this CPU, until the next call; never fails */
void *arch_temp_map(paddr_t page);
/** arch_temp_map_device() - the same for a page of device registers; one that was mapped last costs nothing */
void *arch_temp_map_device(paddr_t page);
/** arch_virt_to_phys(), arch_phys_to_virt() - for hypervisor memory */
paddr_t arch_virt_to_phys(const void *virt);
void *arch_phys_to_virt(paddr_t phys);

/** arch_dma_format() - of the tables that cells' devices access memory by; NULL: there is no IOMMU */
const struct paging_format *arch_dma_format(void);
/** arch_dma_attach() - a function accesses memory by the cell's tables from now on, and its faults are told (again) */
void arch_dma_attach(const struct cell *cell, const struct cell_pci_device *device);
/** arch_dma_flush() - the cell's devices use nothing that was taken from its tables, not even for accesses under way */
void arch_dma_flush(const struct cell *cell);

/** arch_pci_read(), arch_pci_write() - configuration space of a function, within one aligned group of four bytes */
u32 arch_pci_read(u16 bdf, u16 reg, u8 size);
void arch_pci_write(u16 bdf, u16 reg, u8 size, u32 value);
/** arch_pci_reserved() - the function is one that we program ourselves; root may look at it */
bool arch_pci_reserved(u16 bdf);
/**
 * arch_msi_allowed() - may the message interrupt CPUs of a cell?
 * @address: changed, for root, to what reaches no other cell's
 */
bool arch_msi_allowed(const struct cell *cell, u32 *address, u32 address_high, u32 data);
/** arch_msi_send() - send a message to CPUs of a cell, as a device would, or not at all if it is not allowed */
void arch_msi_send(const struct cell *cell, u32 address, u32 address_high, u32 data);
/**
 * arch_msi_remap() - what a function is to send in place of an allowed message, where an IOMMU remaps interrupts
 * @device: who sends it, as the cell's configuration lists it
 * @index: which of its messages
 * @count: how many it may send from there on, each with the next vector; a power of two
 */
void arch_msi_remap(const struct cell *cell, const struct cell_pci_device *device, u32 index, u32 count,
		    struct msi_message *m);

/** arch_zero_page() - physical address of a page of zeros that root may see instead of ours */
paddr_t arch_zero_page(void);
/** arch_memory_base() - start of hypervisor memory */
u8 *arch_memory_base(void);
/** arch_remap_used() - pages of the window for device mappings in use, of ARCH_REMAP_PAGES */
u32 arch_remap_used(void);

/** The two rings, in pages of their own. */
extern struct hv_console_ring console_ring;
extern struct hv_event_ring event_ring;
extern struct hv_image_header image_header;

#endif
