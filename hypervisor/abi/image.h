/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel module to hypervisor: the header at the start of the image, the layout of hypervisor memory, and the two
 * rings that root may read. Known to these two parties only.
 *
 * Layout of hypervisor memory, from its physical start (2 MiB aligned):
 *   core (core_size) | per-CPU blocks (max_cpus * percpu_size) | system configuration | page pool
 * All of it is mapped linearly at virt_base. The module copies the image, zeroes the rest, places the configuration,
 * fills in the header and enters on every online CPU through its trampoline (see struct hv_image_header).
 */
#ifndef CELL_ABI_IMAGE_H
#define CELL_ABI_IMAGE_H

#include "config.h"
#include "console-page.h"

#define HV_IMAGE_SIGNATURE "CELLDHV1"

/**
 * struct hv_image_header - offset 0 of the image
 *
 * The module's trampoline is code in one page of its text, which both sets of page tables map at its Linux address. It
 * runs once per CPU, interrupts off, EFER.SVME set by the module. GIF (AMD APM vol.2 15.17) stays 0 wherever the page
 * tables do not match the IDT, so that no NMI can hit the gap.
 *
 * Enter: push the callee-saved registers, DS and ES; RSP and CR3 of Linux to R13 and R12; CLGI; load the boot page
 * tables (built by the module in pages of its own: hypervisor memory at virt_base, the trampoline's page at its Linux
 * address), RSP = virt_base + core_size + (cpu + 1) * percpu_size; call virt_base + entry with RDI = logical CPU, RSI =
 * CR3 of Linux, RDX = RSP of Linux. If the call returns, EAX is a negative error, the same on each CPU: load CR3 from
 * R12, RSP from R13, STGI and fall into "resume". If it succeeds, Linux goes on, now as root cell, at trampoline_virt +
 * resume_offset with RAX = 0 and CR3, RSP as given; no other register is kept. "resume" pops all that was pushed and
 * returns RAX.
 *
 * Leave: push the same; RSP and CR3 to R13 and R12; RAX = CELL_HC_DISABLE; VMMCALL. RAX not 0: still root cell, go to
 * "resume". RAX 0: the CPU is native behind the VMMCALL, with Linux' registers but the hypervisor's CR3, RSP and GIF =
 * 0: load CR3 from R12, RSP from R13, STGI, go to "resume". The module clears EFER.SVME and VM_HSAVE_PA afterwards.
 */
struct hv_image_header {
	char signature[8];	 /**< HV_IMAGE_SIGNATURE */
	uint64_t core_size;	 /**< bytes, BSS included, page multiple */
	uint64_t file_size;	 /**< bytes of the image that are in the file, for a check against truncation */
	uint64_t percpu_size;	 /**< bytes of one per-CPU block, page multiple */
	uint64_t entry;		 /**< offset of the entry point */
	uint64_t virt_base;	 /**< virtual address of hypervisor memory */
	uint64_t console_offset; /**< of struct hv_console_ring, page aligned; root may read */
	uint64_t events_offset;	 /**< of struct hv_event_ring, page aligned; root may read */
	/* From here on filled in by the module. */
	uint64_t trampoline_virt; /**< Linux address of the trampoline's page */
	uint64_t trampoline_phys; /**< its physical address */
	uint64_t resume_offset;	  /**< where in that page Linux goes on */
	uint64_t canary;	  /**< random, for the stack protector */
	uint32_t max_cpus;	  /**< highest CPU of the root CPU set + 1 */
	uint32_t online_cpus;	  /**< CPUs that will enter */
};

#define HV_CONSOLE_BYTES 2048

/**
 * struct hv_console_ring - what the hypervisor and the cells' putc wrote last
 *
 * Byte i of the stream is content[i % HV_CONSOLE_BYTES]. Reader: wait for busy == 0, read tail, copy, retry if tail
 * changed or busy is set.
 */
struct hv_console_ring {
	volatile uint32_t busy;
	volatile uint32_t tail; /**< bytes ever written, wraps */
	char content[HV_CONSOLE_BYTES];
};

/** What a struct hv_event is about. */
enum hv_event_type {
	HV_EVENT_CREATED = 1,
	HV_EVENT_STARTED = 2,
	HV_EVENT_LOADABLE = 3,
	HV_EVENT_DESTROYED = 4,
	HV_EVENT_CPU_PARKED = 5,  /**< a CPU violated; cause, address, registers tell how */
	HV_EVENT_CELL_FAILED = 6, /**< all CPUs of the cell are parked */
	HV_EVENT_REFUSED = 7,	  /**< a management call was refused; text names the resource */
	HV_EVENT_DMA_FAULT = 8,	  /**< an IOMMU kept a device of the cell from memory; bdf, address, access */
};

/** Why a CPU was parked; address is a guest-physical address, port, MSR number... as said. */
enum hv_cause {
	HV_CAUSE_NONE = 0,
	HV_CAUSE_MMIO = 1,	  /**< address: guest-physical */
	HV_CAUSE_PIO = 2,	  /**< address: port */
	HV_CAUSE_MSR = 3,	  /**< address: MSR number */
	HV_CAUSE_CR = 4,	  /**< address: control register number */
	HV_CAUSE_XSETBV = 5,	  /**< address: XCR number */
	HV_CAUSE_INSTRUCTION = 6, /**< forbidden or not decodable; address: instruction pointer */
	HV_CAUSE_TRIPLE_FAULT = 7,
	HV_CAUSE_APIC = 8,  /**< address: APIC register number (x2APIC numbering) */
	HV_CAUSE_OTHER = 9, /**< address: the exit code */
};

/** struct hv_event - one entry of the event ring */
struct hv_event {
	volatile uint64_t seq; /**< 1, 2, ...; 0 while being written */
	uint64_t tsc;	       /**< time stamp counter at the event */
	uint32_t type;	       /**< enum hv_event_type */
	uint32_t cell;	       /**< cell id */
	uint32_t state;	       /**< enum cell_comm_state after the event */
	uint32_t cpu;	       /**< logical CPU, 0xffffffff if none */
	uint32_t cause;	       /**< enum hv_cause */
	uint32_t access;       /**< bits 7:0 width in bytes, 0: unknown; bit 8: write, bit 9: fetch */
	uint64_t address;      /**< see enum hv_cause; HV_EVENT_DMA_FAULT: where the device wanted to go */
	char name[CELL_NAME_BYTES];
	char text[96];	   /**< NUL-terminated, for people */
	uint64_t regs[20]; /**< RAX RBX RCX RDX RSI RDI RBP RSP R8-R15 RIP RFLAGS CR0 CR3; 0 without CPU */
	uint16_t bdf;	   /**< HV_EVENT_DMA_FAULT: bus [15:8], device [7:3], function [2:0] */
	uint8_t reserved[46];
};

#define HV_EVENT_WRITE 0x100
#define HV_EVENT_FETCH 0x200
#define HV_EVENT_SLOTS 31

/**
 * struct hv_event_ring - the newest events; entry seq is in slot[seq % HV_EVENT_SLOTS]
 *
 * Old entries are overwritten without a word: a reader that finds a gap in seq re-reads the state. Reader: read
 * last_seq, for each wanted entry read seq, copy, read seq again.
 */
struct hv_event_ring {
	volatile uint64_t last_seq; /**< newest complete entry, 0: none */
	uint64_t reserved;
	char refusal[240]; /**< text of the last refused management call */
	uint8_t pad[128];
	struct hv_event slot[HV_EVENT_SLOTS];
	struct cell_console_page console; /**< of the cell of the newest HV_EVENT_DESTROYED; zeros if it had none */
};

_Static_assert(sizeof(struct hv_event) == 384, "event");
_Static_assert(sizeof(struct hv_event_ring) == 4 * 4096, "event ring");

#endif
