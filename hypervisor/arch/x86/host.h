/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypervisor's own address space and descriptor tables. */
#ifndef X86_HOST_H
#define X86_HOST_H

#include <hv/cell.h>

/** host_init() - build the page tables (W^X, guard pages); first CPU. 0 or -errno */
int host_init(void);

/** host_init_cpu() - load them and our GDT, TSS, IDT on this CPU */
void host_init_cpu(struct pcpu *cpu);

/** host_expect_interrupts() - on this CPU, all vectors that an APIC can send are interrupts, none is an exception */
void host_expect_interrupts(bool expect);

/** host_map_device() - map device registers uncached, for good; NULL: no memory */
void *host_map_device(paddr_t phys, u64 size);

/** host_memory() - where hypervisor memory is */
paddr_t host_memory_phys(void);
u64 host_memory_size(void);

/** Stubs of the exceptions and one for all interrupts, 16 bytes each, see entry.S. */
extern const u8 exception_stubs[];

/** host_window() - this CPU's view of memory number @window, of GUEST_WINDOWS: a page, read-only */
const u8 *host_window(unsigned int window);
/** host_window_map() - what that shows from now on; never fails */
void host_window_map(unsigned int window, paddr_t page);

#endif
