/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Configuration blobs: the packed, little-endian images that describe the machine (struct cell_system) and each
 * cell (struct cell_config). Revision 14, compatible to the byte with Jailhouse configurations.
 *
 * People write JSON; celld turns it into these bytes, the kernel module checks the header and the hypervisor all
 * the rest. Every field is untrusted input to whoever reads it.
 */
#ifndef CELL_ABI_CONFIG_H
#define CELL_ABI_CONFIG_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define CELL_ABI_PACKED __attribute__((packed))

/** Configuration revision that this header describes; any other is refused. */
#define CELL_CONFIG_REVISION 14

#define CELL_CONFIG_SIGNATURE "JHCLL" /**< five bytes, no NUL, first in a cell configuration */
#define CELL_SYSTEM_SIGNATURE "JHSYS" /**< five bytes, no NUL, first in a system configuration */
#define CELL_SIGNATURE_BYTES 5

#define CELL_NAME_BYTES 32	    /**< cell name, NUL included */
#define CELL_CPU_SET_MAX_BYTES 4096 /**< largest CPU set */
#define CELL_CONFIG_MAX_BYTES 65536 /**< offset in the first page + size of a configuration handed to "create" */
#define CELL_IOMMU_MAX 8	    /**< IOMMU unit slots of a system configuration */
#define CELL_ROOT_ID 0		    /**< id of the root cell */

/** Architecture byte of both signatures. */
enum cell_arch { CELL_ARCH_X86 = 0, CELL_ARCH_ARM = 1, CELL_ARCH_ARM64 = 2 };

/**
 * struct cell_console - a UART, or none
 *
 * Used three times: hypervisor debug console, and the console that a cell is told of.
 */
struct cell_console {
	uint64_t address;   /**< I/O port or physical address */
	uint32_t size;	    /**< bytes of the register window; needed for MMIO */
	uint16_t type;	    /**< enum cell_console_type */
	uint16_t flags;	    /**< CELL_CONSOLE_* */
	uint32_t divider;   /**< baud divider; 0: leave the UART as it is */
	uint32_t gate_nr;   /**< bit number in the clock gate register */
	uint64_t clock_reg; /**< physical address of the clock gate register; 0: none */
} CELL_ABI_PACKED;

enum cell_console_type {
	CELL_CONSOLE_NONE = 0,
	CELL_CONSOLE_EFIFB = 1,
	CELL_CONSOLE_8250 = 2,
	CELL_CONSOLE_PL011 = 3,
};

#define CELL_CONSOLE_MMIO 0x0001	  /**< registers are in memory, not at ports */
#define CELL_CONSOLE_REGDIST_4 0x0002	  /**< registers 4 bytes apart, accessed as 32 bits */
#define CELL_CONSOLE_FB_1920X1080 0x0004  /**< frame buffer geometry, otherwise 1024x768 */
#define CELL_CONSOLE_INVERTED_GATE 0x1000 /**< clear instead of set the gate bit */
#define CELL_CONSOLE_MDR_QUIRK 0x2000	  /**< inmate 8250 start-up also writes 0 to register 8 */

/** struct cell_iommu - one IOMMU unit; a base of 0 ends the list */
struct cell_iommu {
	uint32_t type; /**< enum cell_iommu_type */
	uint64_t base; /**< physical address of the registers */
	uint32_t size; /**< bytes of the register window */
	union {
		struct {
			uint16_t bdf;	   /**< PCI function of the unit */
			uint8_t base_cap;  /**< config offset of the IOMMU capability block */
			uint8_t msi_cap;   /**< config offset of its MSI capability */
			uint32_t features; /**< ACPI-reported features; 0: use the register */
			uint32_t reserved;
		} CELL_ABI_PACKED amd;
		struct {
			uint64_t tlb_base;
			uint32_t tlb_size;
		} CELL_ABI_PACKED pvu;
	};
} CELL_ABI_PACKED;

enum cell_iommu_type {
	CELL_IOMMU_AMD = 1,
	CELL_IOMMU_INTEL = 2,
	CELL_IOMMU_SMMUV3 = 3,
	CELL_IOMMU_PVU = 4,
	CELL_IOMMU_MMU500 = 5,
};

/**
 * struct cell_memory - one memory region
 *
 * If virt_start or size is not page aligned the region is a sub-page region: never mapped, each access is trapped,
 * checked against the flags and forwarded. Regions of the root cell are mapped one to one (phys == virt).
 */
struct cell_memory {
	uint64_t phys_start; /**< physical address, ignored with CELL_MEM_COMM_REGION */
	uint64_t virt_start; /**< guest-physical address in the cell */
	uint64_t size;	     /**< bytes */
	uint64_t flags;	     /**< CELL_MEM_* */
} CELL_ABI_PACKED;

#define CELL_MEM_READ 0x00001
#define CELL_MEM_WRITE 0x00002
#define CELL_MEM_EXECUTE 0x00004
#define CELL_MEM_DMA 0x00008	      /**< devices of the cell may reach it */
#define CELL_MEM_IO 0x00010	      /**< device memory attribute (ARM) */
#define CELL_MEM_COMM_REGION 0x00020  /**< backed by the communication page */
#define CELL_MEM_LOADABLE 0x00040     /**< root may write it while the cell is loadable */
#define CELL_MEM_ROOTSHARED 0x00080   /**< stays mapped in root */
#define CELL_MEM_NO_HUGEPAGES 0x00100 /**< 4 KiB mappings only */
#define CELL_MEM_IO_UNALIGNED 0x08000 /**< sub-page region: not naturally aligned accesses allowed */
#define CELL_MEM_IO_8 0x10000	      /**< sub-page region: permitted access widths */
#define CELL_MEM_IO_16 0x20000
#define CELL_MEM_IO_32 0x40000
#define CELL_MEM_IO_64 0x80000

/** struct cell_cache - a share of a cache (Intel CAT) */
struct cell_cache {
	uint32_t start; /**< first bit in the capacity mask */
	uint32_t size;	/**< number of bits */
	uint8_t type;	/**< 1 L3 code, 2 L3 data, 3 both; only 3 is accepted */
	uint8_t reserved;
	uint16_t flags; /**< bit 0 CELL_CACHE_ROOTSHARED: do not take the bits away from root */
} CELL_ABI_PACKED;

#define CELL_CACHE_L3 3
#define CELL_CACHE_ROOTSHARED 0x0001

/** struct cell_irqchip - the pins or INTIDs of one interrupt controller that a cell owns */
struct cell_irqchip {
	uint64_t address;    /**< physical address of the IOAPIC page or of the GICD */
	uint32_t id;	     /**< x86: IOMMU unit << 16 | requester id of the IOAPIC; ARM: 0 */
	uint32_t pin_base;   /**< x86: 0; ARM: first INTID of the map, multiple of 32 */
	uint32_t pin_map[4]; /**< bit n: pin or INTID pin_base + n */
} CELL_ABI_PACKED;

/** struct cell_pio - ports base ... base + length - 1 */
struct cell_pio {
	uint16_t base;
	uint16_t length;
} CELL_ABI_PACKED;

/** struct cell_pci_device - a PCI function, bridge or virtual ivshmem device that a cell owns */
struct cell_pci_device {
	uint8_t type;	      /**< 1 device, 2 bridge, 3 ivshmem */
	uint8_t iommu;	      /**< index into the system's IOMMU units */
	uint16_t domain;      /**< PCI segment */
	uint16_t bdf;	      /**< bus [15:8], device [7:3], function [2:0] */
	uint32_t bar_mask[6]; /**< writable bits of each BAR; 0: not there */
	uint16_t caps_start;  /**< index of the first capability of this device */
	uint16_t num_caps;
	uint8_t num_msi_vectors;
	uint8_t msi_flags; /**< bit 0: 64-bit address, bit 1: per-vector masking */
	uint16_t num_msix_vectors;
	uint16_t msix_region_size;    /**< bytes */
	uint64_t msix_address;	      /**< physical address of the MSI-X table; 0: none */
	uint32_t shmem_regions_start; /**< ivshmem: index of its first memory region */
	uint8_t shmem_dev_id;	      /**< ivshmem: own peer ID */
	uint8_t shmem_peers;	      /**< ivshmem: maximum peers */
	uint16_t shmem_protocol;      /**< ivshmem: protocol type */
} CELL_ABI_PACKED;

/** struct cell_pci_cap - a range of a device's config space */
struct cell_pci_cap {
	uint16_t id;	/**< capability ID; bit 15: extended */
	uint16_t start; /**< config-space offset, bytes */
	uint16_t len;	/**< bytes */
	uint16_t flags; /**< bit 0: writes permitted */
} CELL_ABI_PACKED;

#define CELL_PCI_CAP_WRITE 0x0001

/**
 * struct cell_config - header of a cell configuration
 *
 * The arrays follow at once, packed, in this order: CPU set (cpu_set_size bytes; CPU n is bit n % 8 of byte n / 8),
 * struct cell_memory, cell_cache, cell_irqchip, cell_pio, cell_pci_device, cell_pci_cap, u32 stream ids.
 */
struct cell_config {
	char signature[CELL_SIGNATURE_BYTES]; /**< CELL_CONFIG_SIGNATURE */
	uint8_t architecture;		      /**< enum cell_arch */
	uint16_t revision;		      /**< CELL_CONFIG_REVISION */
	char name[CELL_NAME_BYTES];	      /**< NUL-terminated */
	uint32_t id;			      /**< filled in by the kernel module; 0 in files */
	uint32_t flags;			      /**< CELL_FLAG_* */
	uint32_t cpu_set_size;		      /**< bytes */
	uint32_t num_memory_regions;
	uint32_t num_cache_regions;
	uint32_t num_irqchips;
	uint32_t num_pio_regions;
	uint32_t num_pci_devices;
	uint32_t num_pci_caps;
	uint32_t num_stream_ids;
	uint32_t vpci_irq_base;	     /**< ARM: SPI number of virtual INTA */
	uint64_t cpu_reset_address;  /**< guest-physical */
	uint64_t msg_reply_timeout;  /**< Jailhouse: polling iterations; here only "0 or not", see kmod/uapi/cell.h */
	struct cell_console console; /**< handed to the cell */
} CELL_ABI_PACKED;

#define CELL_FLAG_PASSIVE_COMMREG 0x00000001	/**< no messages are exchanged with the cell */
#define CELL_FLAG_TEST_DEVICE 0x00000002	/**< x86 test builds only */
#define CELL_FLAG_AARCH32 0x00000004		/**< ARM64: CPUs start in AArch32 */
#define CELL_FLAG_CONSOLE_PERMITTED 0x40000000U /**< hypercall "console putc" allowed */
#define CELL_FLAG_CONSOLE_ACTIVE 0x80000000U	/**< the inmate should write its output there */

/** struct cell_platform_x86 - what the x86 hypervisor must know of the board */
struct cell_platform_x86 {
	uint16_t pm_timer_port; /**< 0: none */
	uint8_t apic_mode;	/**< enum cell_apic_mode */
	uint8_t reserved;
	uint32_t vtd_interrupt_limit; /**< entries of the VT-d interrupt remapping table */
	uint32_t tsc_khz;	      /**< 0: filled in by the kernel module */
	uint32_t apic_khz;	      /**< 0: filled in by the kernel module */
	uint8_t unused[28];
} CELL_ABI_PACKED;

enum cell_apic_mode { CELL_APIC_AUTO = 0, CELL_APIC_XAPIC = 1, CELL_APIC_X2APIC = 2 };

/** struct cell_platform_arm - the same for ARM and ARM64 */
struct cell_platform_arm {
	uint8_t maintenance_irq; /**< INTID */
	uint8_t gic_version;	 /**< 2, or 3 (also for GICv4) */
	uint8_t reserved[2];
	uint64_t gicd_base;
	uint64_t gicc_base;
	uint64_t gich_base;
	uint64_t gicv_base;
	uint64_t gicr_base;
} CELL_ABI_PACKED;

/** struct cell_system - system configuration; the root cell's arrays follow root_cell */
struct cell_system {
	char signature[CELL_SIGNATURE_BYTES]; /**< CELL_SYSTEM_SIGNATURE */
	uint8_t architecture;
	uint16_t revision;
	uint32_t flags;			      /**< CELL_SYSTEM_* */
	struct cell_memory hypervisor_memory; /**< phys_start and size count */
	struct cell_console debug_console;
	uint64_t mmconfig_base;	  /**< PCI MMCONFIG; 0: none */
	uint8_t mmconfig_end_bus; /**< window size = (end bus + 1) MiB */
	uint8_t pci_is_virtual;	  /**< 1: no physical config space behind the window */
	uint16_t pci_domain;	  /**< for a virtual controller; 0xffff: Linux chooses */
	struct cell_iommu iommu[CELL_IOMMU_MAX];
	union {
		struct cell_platform_x86 x86;
		struct cell_platform_arm arm;
	};
	struct cell_config root_cell; /**< signature, architecture and revision in it are not evaluated */
} CELL_ABI_PACKED;

#define CELL_SYSTEM_VIRTUAL_CONSOLE 0x00000001 /**< root may read the console ring */

_Static_assert(sizeof(struct cell_console) == 32, "abi: console");
_Static_assert(sizeof(struct cell_iommu) == 28, "abi: IOMMU unit");
_Static_assert(sizeof(struct cell_memory) == 32, "abi: memory region");
_Static_assert(sizeof(struct cell_cache) == 12, "abi: cache region");
_Static_assert(sizeof(struct cell_irqchip) == 32, "abi: irqchip");
_Static_assert(sizeof(struct cell_pio) == 4, "abi: PIO region");
_Static_assert(sizeof(struct cell_pci_device) == 56, "abi: PCI device");
_Static_assert(sizeof(struct cell_pci_cap) == 8, "abi: PCI capability");
_Static_assert(sizeof(struct cell_config) == 132, "abi: cell header");
_Static_assert(sizeof(struct cell_platform_x86) == 44, "abi: x86 platform");
_Static_assert(sizeof(struct cell_platform_arm) == 44, "abi: ARM platform");
_Static_assert(sizeof(struct cell_system) == 356 + 132, "abi: system header and root cell header");

/*
 * Sizes and array positions. None of these looks at memory behind the header; each is exact in 64 bits for any
 * header contents, so a reader can compare the sum with the bytes that it has before it touches an array.
 */
static inline uint64_t cell_config_memory_offset(const struct cell_config *c)
{
	return sizeof(*c) + (uint64_t)c->cpu_set_size;
}

static inline uint64_t cell_config_cache_offset(const struct cell_config *c)
{
	return cell_config_memory_offset(c) + (uint64_t)c->num_memory_regions * sizeof(struct cell_memory);
}

static inline uint64_t cell_config_irqchip_offset(const struct cell_config *c)
{
	return cell_config_cache_offset(c) + (uint64_t)c->num_cache_regions * sizeof(struct cell_cache);
}

static inline uint64_t cell_config_pio_offset(const struct cell_config *c)
{
	return cell_config_irqchip_offset(c) + (uint64_t)c->num_irqchips * sizeof(struct cell_irqchip);
}

static inline uint64_t cell_config_pci_offset(const struct cell_config *c)
{
	return cell_config_pio_offset(c) + (uint64_t)c->num_pio_regions * sizeof(struct cell_pio);
}

static inline uint64_t cell_config_pci_cap_offset(const struct cell_config *c)
{
	return cell_config_pci_offset(c) + (uint64_t)c->num_pci_devices * sizeof(struct cell_pci_device);
}

static inline uint64_t cell_config_stream_offset(const struct cell_config *c)
{
	return cell_config_pci_cap_offset(c) + (uint64_t)c->num_pci_caps * sizeof(struct cell_pci_cap);
}

/** cell_config_size - bytes of a cell configuration, header and arrays */
static inline uint64_t cell_config_size(const struct cell_config *c)
{
	return cell_config_stream_offset(c) + (uint64_t)c->num_stream_ids * sizeof(uint32_t);
}

/** cell_system_size - bytes of a system configuration, root cell included */
static inline uint64_t cell_system_size(const struct cell_system *s)
{
	return sizeof(*s) - sizeof(s->root_cell) + cell_config_size(&s->root_cell);
}

#endif
