/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel module to user space: ioctls and mmap of /dev/jailhouse, generic netlink family "jailhouse".
 *
 * The ioctls are compatible with Jailhouse. What is ours on top of them: the options word in struct
 * jailhouse_cell_id, mmap() and the netlink family.
 */
#ifndef UAPI_CELL_H
#define UAPI_CELL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define JAILHOUSE_CELL_ID_NAMELEN 31
#define JAILHOUSE_CELL_ID_UNUSED (-1) /**< select by name */

/** struct jailhouse_cell_create - argument of JAILHOUSE_CELL_CREATE */
struct jailhouse_cell_create {
	__u64 config_address; /**< user address of a cell configuration */
	__u32 config_size;    /**< bytes */
	__u32 padding;
};

/** struct jailhouse_image - one piece of memory to load; must lie within one WRITE + LOADABLE region */
struct jailhouse_image {
	__u64 source_address; /**< user address */
	__u64 size;	      /**< bytes; 0: skipped */
	__u64 target_address; /**< guest-physical */
	__u64 padding;
};

/**
 * struct jailhouse_cell_id - selects a cell
 *
 * options is padding in Jailhouse, where it is 0: then the module waits JAILHOUSE_DEADLINE_DEFAULT_MS for the cell's
 * consent, and acts without it afterwards if the cell's msg_reply_timeout is not 0, or else answers -ETIMEDOUT.
 * -EBUSY: another operation on the same cell is under way. JAILHOUSE_DISABLE waits as long for each cell, then acts;
 * a cell that refuses makes it fail.
 */
struct jailhouse_cell_id {
	__s32 id;      /**< >= 0, or JAILHOUSE_CELL_ID_UNUSED */
	__u32 options; /**< JAILHOUSE_OPT_* */
	char name[JAILHOUSE_CELL_ID_NAMELEN + 1];
};

#define JAILHOUSE_OPT_DEADLINE_MS 0x000fffffU /**< mask: milliseconds to wait for consent; 0: default */
#define JAILHOUSE_OPT_FORCE 0x80000000U	      /**< act at the deadline, or as soon as the cell refuses */
#define JAILHOUSE_DEADLINE_DEFAULT_MS 1000

/** struct jailhouse_cell_load - argument of JAILHOUSE_CELL_LOAD; without images: shut down */
struct jailhouse_cell_load {
	struct jailhouse_cell_id cell_id;
	__u32 num_preload_images;
	__u32 padding;
	struct jailhouse_image image[];
};

#define JAILHOUSE_ENABLE _IOW(0, 0, void *)
#define JAILHOUSE_DISABLE _IO(0, 1)
#define JAILHOUSE_CELL_CREATE _IOW(0, 2, struct jailhouse_cell_create)
#define JAILHOUSE_CELL_LOAD _IOW(0, 3, struct jailhouse_cell_load)
#define JAILHOUSE_CELL_START _IOW(0, 4, struct jailhouse_cell_id)
#define JAILHOUSE_CELL_DESTROY _IOW(0, 5, struct jailhouse_cell_id)

/*
 * mmap(): one page, PROT_READ only, MAP_SHARED, offset = cell id * page size: the communication page of that cell; with
 * JAILHOUSE_MMAP_CONSOLE added to it: its console, struct cell_console_page of hypervisor/abi/console-page.h. -ENXIO if
 * there is no such cell, or it may not print. A mapping never faults. Once the cell is destroyed the communication page
 * reads as zeros, and the console as it was at the end.
 */
#define JAILHOUSE_MMAP_CONSOLE 0x40000000000ULL

/*
 * Generic netlink. Events go to multicast group "events"; each carries JAILHOUSE_ATTR_SEQ, which counts without gaps:
 * a reader that sees a gap dumps the state again.
 */
#define JAILHOUSE_GENL_NAME "jailhouse"
#define JAILHOUSE_GENL_VERSION 1
#define JAILHOUSE_GENL_GROUP "events"

enum jailhouse_genl_cmd {
	JAILHOUSE_CMD_UNSPEC,
	JAILHOUSE_CMD_EVENT,	/**< multicast only */
	JAILHOUSE_CMD_GET_CELL, /**< dump: one message a cell, root included */
	JAILHOUSE_CMD_GET_INFO, /**< do: enabled, pools, sequence number */
};

/** What an event tells. */
enum jailhouse_event {
	JAILHOUSE_EVENT_UNSPEC,
	JAILHOUSE_EVENT_ENABLED,
	JAILHOUSE_EVENT_DISABLED,
	JAILHOUSE_EVENT_CREATED,
	JAILHOUSE_EVENT_LOADABLE,
	JAILHOUSE_EVENT_STARTED,
	JAILHOUSE_EVENT_STATE,	    /**< the cell changed its state word: locked, unlocked, shut down, ABI mismatch */
	JAILHOUSE_EVENT_CPU_PARKED, /**< a CPU of the cell violated */
	JAILHOUSE_EVENT_FAILED,	    /**< all CPUs of the cell are parked */
	JAILHOUSE_EVENT_DESTROYED,
	JAILHOUSE_EVENT_REFUSED,   /**< a management call was refused; TEXT names the resource */
	JAILHOUSE_EVENT_DMA_FAULT, /**< an IOMMU kept a device of the cell from memory: DEVICE, ADDRESS, ACCESS */
};

enum jailhouse_attr {
	JAILHOUSE_ATTR_UNSPEC,
	JAILHOUSE_ATTR_SEQ,	   /**< u64 sequence number (event: its own; dump and info: newest) */
	JAILHOUSE_ATTR_EVENT,	   /**< u32 enum jailhouse_event */
	JAILHOUSE_ATTR_CELL_ID,	   /**< u32 */
	JAILHOUSE_ATTR_CELL_NAME,  /**< string */
	JAILHOUSE_ATTR_CELL_STATE, /**< u32 enum cell_comm_state of hypervisor/abi/comm.h */
	JAILHOUSE_ATTR_CAUSE, /**< string: "mmio", "pio", "msr", "cr", "xsetbv", "instruction", "triple-fault", "apic",
				 "other" */
	JAILHOUSE_ATTR_CPU,   /**< u32 logical CPU */
	JAILHOUSE_ATTR_ADDRESS,	      /**< u64 guest-physical address (a device's: too), port, MSR number: see CAUSE */
	JAILHOUSE_ATTR_ACCESS,	      /**< u32 bits 7:0 width in bytes, bit 8 write, bit 9 fetch */
	JAILHOUSE_ATTR_TEXT,	      /**< string, one line for people */
	JAILHOUSE_ATTR_ENABLED,	      /**< u8 */
	JAILHOUSE_ATTR_MEM_POOL_SIZE, /**< u32 pages */
	JAILHOUSE_ATTR_MEM_POOL_USED,
	JAILHOUSE_ATTR_REMAP_POOL_SIZE,
	JAILHOUSE_ATTR_REMAP_POOL_USED,
	JAILHOUSE_ATTR_CPU_STATS, /**< nested, one for each CPU of the cell: CPU, CPU_STATE, COUNTERS */
	JAILHOUSE_ATTR_CPU_STATE, /**< u32 0 running, 2 failed */
	JAILHOUSE_ATTR_COUNTERS,  /**< binary: u32 exit counters in the order of enum cell_stat */
	JAILHOUSE_ATTR_TIME,	  /**< u64 CLOCK_MONOTONIC nanoseconds: when it happened */
	JAILHOUSE_ATTR_DEVICE,	  /**< u32 PCI function: bus << 8 | device << 3 | function */
	__JAILHOUSE_ATTR_MAX,
};
#define JAILHOUSE_ATTR_MAX (__JAILHOUSE_ATTR_MAX - 1)

/*
 * sysfs, /sys/devices/jailhouse: as Jailhouse, and
 *   last_error            mode 0400: text of the last refused call ("cell rtos: memory region 0 ...: not owned by
 *                         root"), or empty
 *   cells/<id>/registers  mode 0400: of the CPU that was parked first since the cell's start
 *                         ("cpu=3 rax=0x0 rbx=0x1 ... cr3=0x1000"), or empty; there once the event is sent
 */

#endif
