/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Communication page: one page per cell, shared by hypervisor and cell, read-only for root.
 *
 * Cleared and refilled by the hypervisor at each start of the cell. What the cell writes here is untrusted input to
 * everybody else.
 */
#ifndef CELL_ABI_COMM_H
#define CELL_ABI_COMM_H

#include "config.h"

#define CELL_COMM_SIGNATURE "JHCOMM" /**< six bytes, no NUL */
#define CELL_COMM_SIGNATURE_BYTES 6
#define CELL_COMM_REVISION 2

/** State word: written by the cell (0 to 4) and by the hypervisor (0 at start, 2 on create/load, 3 on failure). */
enum cell_comm_state {
	CELL_STATE_RUNNING = 0,
	CELL_STATE_RUNNING_LOCKED = 1,
	CELL_STATE_SHUT_DOWN = 2,    /**< terminal */
	CELL_STATE_FAILED = 3,	     /**< terminal */
	CELL_STATE_ABI_MISMATCH = 4, /**< terminal: the inmate does not understand signature or revision */
	CELL_STATE_MAX,
};

enum cell_comm_message {
	CELL_MSG_NONE = 0,
	CELL_MSG_SHUTDOWN_REQUEST = 1, /**< positive answer: CELL_REPLY_APPROVED */
	CELL_MSG_RECONFIGURED = 2,     /**< positive answer: CELL_REPLY_RECEIVED */
};

enum cell_comm_reply {
	CELL_REPLY_NONE = 0,
	CELL_REPLY_UNKNOWN = 1,
	CELL_REPLY_DENIED = 2,
	CELL_REPLY_APPROVED = 3,
	CELL_REPLY_RECEIVED = 4,
};

#define CELL_COMM_CONSOLE_PERMITTED 0x0001 /**< hypercall "console putc" is allowed */
#define CELL_COMM_CONSOLE_ACTIVE 0x0002	   /**< and should be used for output */

/**
 * struct cell_comm - start of the communication page
 *
 * Message protocol: the hypervisor sets reply to 0, issues a store barrier, sets message. The cell sees message != 0,
 * clears it, issues a store barrier and writes reply. Every message must be answered; unknown ones with
 * CELL_REPLY_UNKNOWN.
 */
struct cell_comm {
	char signature[CELL_COMM_SIGNATURE_BYTES];
	uint16_t revision;
	volatile uint32_t state;   /**< enum cell_comm_state */
	volatile uint32_t message; /**< enum cell_comm_message */
	volatile uint32_t reply;   /**< enum cell_comm_reply */
	uint32_t flags;		   /**< CELL_COMM_CONSOLE_* */
	struct cell_console console;
	uint64_t mmconfig_base;
	union {
		struct {
			uint16_t pm_timer_port; /**< 0: none */
			uint16_t num_cpus;	/**< CPUs of the cell */
			uint32_t tsc_khz;
			uint32_t apic_khz;
		} CELL_ABI_PACKED x86;
		struct {
			uint8_t gic_version;
			uint8_t reserved[7];
			uint64_t gicd_base;
			uint64_t gicc_base;
			uint64_t gicr_base;
			uint32_t vpci_irq_base;
		} CELL_ABI_PACKED arm;
	};
} __attribute__((packed, aligned(4)));

#define CELL_HEARTBEAT_OFFSET 0x800
#define CELL_HEARTBEAT_MAGIC 0x31544248U /**< "HBT1" */
#define CELL_HEARTBEAT_TEXT_BYTES 104

/**
 * struct cell_heartbeat - the cell's sign of life, at CELL_HEARTBEAT_OFFSET of the communication page
 *
 * Zeroed by the hypervisor at start and from then on written by the cell alone, with plain stores: a beat costs no
 * exit. Whoever samples it must bound and validate each field.
 */
struct cell_heartbeat {
	volatile uint32_t magic;	      /**< CELL_HEARTBEAT_MAGIC once the cell takes part */
	volatile uint32_t flags;	      /**< 0 */
	volatile uint64_t counter;	      /**< any change is a beat */
	volatile uint32_t interval_ms;	      /**< promised interval; 0: the configuration decides */
	volatile uint32_t status;	      /**< application defined */
	char text[CELL_HEARTBEAT_TEXT_BYTES]; /**< NUL-terminated status text */
} __attribute__((packed, aligned(8)));

_Static_assert(sizeof(struct cell_comm) == 100, "abi: communication region (x86 part ends at 76)");
_Static_assert(__builtin_offsetof(struct cell_comm, x86) == 0x40, "abi: platform part");
_Static_assert(sizeof(struct cell_heartbeat) == 128, "abi: heartbeat block");

#endif
