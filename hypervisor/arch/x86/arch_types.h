/* SPDX-License-Identifier: GPL-2.0-only */
/* x86: what the architecture keeps per CPU and per cell, and how a CPU finds its own. */
#ifndef HV_ARCH_TYPES_H
#define HV_ARCH_TYPES_H

#include <hv/types.h>

/** Virtual address of hypervisor memory: a hole in the map of Linux (x86_64/mm.rst), so no stale TLB entry fits it. */
#define HV_BASE 0xfffffc0000000000UL
#define HV_BLOCK_SIZE 0x10000UL /**< a CPU's block, see struct cpu_block */
#define GUEST_WINDOWS 6		/**< of a CPU: five levels of a guest's tables, and what they lead to */
#define ARCH_REMAP_PAGES 131072 /**< window for device mappings */

struct vcpu_regs;
struct ioapic_view;

/** struct arch_cell - ports and interrupt lines of a cell */
struct arch_cell {
	u8 *io_bitmap;		     /**< three pages; bit set: trapped */
	u32 pci_address;	     /**< latch of config mechanism 1, port 0xcf8 */
	struct ioapic_view *ioapics; /**< what it has of each IOAPIC */
	u32 num_ioapics, ioapic_pages;
	u64 cat_ways;			     /**< of the L3 cache that its CPUs fill; 0: those of root */
	u32 cat_class;			     /**< 0: root's */
	u32 first_interrupt, num_interrupts; /**< entries that it has of the IOMMUs' remapping tables */
};

/** struct tss64 - AMD APM vol.2 12.2.5 "64-bit Task State Segment" */
struct tss64 {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, io_map_base;
} __attribute__((packed));

/** struct arch_pcpu - x86 part of struct pcpu */
struct arch_pcpu {
	u32 apic_id;
	struct vcpu_regs *regs;	  /**< of the guest, on our stack */
	u64 linux_cr3, linux_rsp; /**< as the trampoline left them */
	u64 host_cr3;
	paddr_t device_page;	    /**< that arch_temp_map_device() mapped last */
	u64 windows[GUEST_WINDOWS]; /**< guest-physical page that guest.c sees in each, plus 1; 0: none */
	bool wait_sipi;		    /**< parked */
	bool mtrr_on;		    /**< the guest wrote MTRR_DEF_TYPE.E */
	u64 pat;		    /**< as the guest reads it */
	u32 kicks;		    /**< NMIs of ours that this CPU has not taken yet; too many if some merged */
	u32 init;		    /**< INIT posted by another CPU of the cell */
	u32 sipi;		    /**< 0x100 | vector, posted likewise */
	u64 linux_pqr, linux_ways;  /**< class and ways of the cache, as Linux had them */
	u64 gdt[8];
	struct tss64 tss;
};

/** cpu_relax() - in every loop that waits for another CPU of the hypervisor */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

/** this_cpu() - the block is aligned to its size and holds every stack of the CPU */
static inline struct pcpu *this_cpu(void)
{
	u64 sp;

	asm("mov %%rsp, %0" : "=r"(sp));
	return (struct pcpu *)(sp & ~(HV_BLOCK_SIZE - 1));
}

/** pcpu_of() - of a logical CPU below image_header.max_cpus */
struct pcpu *pcpu_of(unsigned int cpu);

#endif
