/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration of the machine and of its cells: what the JSON files say, as structures, and how to get from files to
 * structures to the bytes that the kernel module takes.
 *
 * Reading is in config-json.c, policy in config-check.c, bytes in config-blob.c. All objects are owned by the caller
 * and freed with *_free(); a structure is never changed after loading.
 */
#ifndef CELLD_CONFIG_H
#define CELLD_CONFIG_H

#include "config-problem.h"

#define CONFIG_CELL_NAME_MAX 31		   /**< characters */
#define CONFIG_IOMMU_MAX 8		   /**< slots of a system configuration */
#define CONFIG_COMMAND_LINE_ADDRESS 0x1000 /**< guest-physical */
#define CONFIG_LINUX_LOADER "/usr/lib/celld/inmates/linux-loader.bin"
#define CONFIG_FILE_MAX_BYTES (4U << 20)	    /**< largest JSON file that is read */
#define CONFIG_BLOB_MAX_BYTES 65536		    /**< largest blob that is read */
#define CONFIG_DIRS_ENVIRONMENT "CELLD_CONFIG_PATH" /**< colon-separated folders instead of the search path */

typedef enum ConfigArch {
	CONFIG_ARCH_X86,
	CONFIG_ARCH_ARM,
	CONFIG_ARCH_ARM64,
	CONFIG_ARCH_MAX,
	CONFIG_ARCH_INVALID = -EINVAL,
} ConfigArch;

DECLARE_STRING_TABLE(config_arch, ConfigArch);

/** Where a configuration came from: file, and the line of each key (opaque; config-origin.h). */
typedef struct ConfigOrigin ConfigOrigin;

/** CPU n is bit n % 8 of byte n / 8; the size is kept so that imported blobs keep theirs. */
typedef struct CpuSet {
	uint8_t *bits;
	uint32_t size_bytes;
} CpuSet;

bool cpu_set_has(const CpuSet *set, unsigned cpu);
unsigned cpu_set_count(const CpuSet *set);

/** cpu_set_next - first CPU >= @cpu in the set, UINT_MAX if there is none */
unsigned cpu_set_next(const CpuSet *set, unsigned cpu);

/** cpu_set_to_string - "0-2,5", allocated; NULL without memory */
char *cpu_set_to_string(const CpuSet *set);

#define CPU_SET_FOREACH(cpu, set) \
	for (unsigned cpu = cpu_set_next((set), 0); cpu != (unsigned)-1; cpu = cpu_set_next((set), cpu + 1))

/** Bits of MemoryRegion.flags; the same as in the blob. */
enum {
	MEMORY_READ = 0x1,
	MEMORY_WRITE = 0x2,
	MEMORY_EXECUTE = 0x4,
	MEMORY_DMA = 0x8,
	MEMORY_IO = 0x10,
	MEMORY_COMM_REGION = 0x20, /**< the communication page; phys_start is ignored */
	MEMORY_LOADABLE = 0x40,	   /**< root may write it while the cell is loadable */
	MEMORY_ROOTSHARED = 0x80,  /**< stays mapped in root */
	MEMORY_NO_HUGEPAGES = 0x100,
	MEMORY_IO_UNALIGNED = 0x8000,
	MEMORY_IO_8 = 0x10000,
	MEMORY_IO_16 = 0x20000,
	MEMORY_IO_32 = 0x40000,
	MEMORY_IO_64 = 0x80000,
};

typedef struct MemoryRegion {
	uint64_t phys_start;
	uint64_t virt_start; /**< guest-physical */
	uint64_t size;	     /**< bytes; all fields 0: placeholder */
	uint64_t flags;	     /**< MEMORY_* */
} MemoryRegion;

typedef struct CacheRegion {
	uint32_t start; /**< first bit of the capacity mask */
	uint32_t size;	/**< bits */
	uint8_t type;
	uint8_t reserved;
	uint16_t flags; /**< bit 0: shared with root */
} CacheRegion;

typedef struct IrqChip {
	uint64_t address;
	uint32_t id;
	uint32_t pin_base;
	uint32_t pin_map[4]; /**< bit n: pin pin_base + n */
} IrqChip;

typedef struct PortRange {
	uint16_t base;
	uint16_t length;
} PortRange;

typedef struct PciDevice {
	uint8_t type; /**< 1 device, 2 bridge, 3 ivshmem */
	uint8_t iommu;
	uint16_t domain;
	uint16_t bdf;
	uint32_t bar_mask[6];
	uint16_t caps_start; /**< index into CellConfig.pci_caps */
	uint16_t num_caps;
	uint8_t num_msi_vectors;
	uint8_t msi_flags; /**< bit 0: 64-bit address, bit 1: per-vector masking */
	uint16_t num_msix_vectors;
	uint16_t msix_region_size;
	uint64_t msix_address;
	uint32_t shmem_regions_start; /**< index into CellConfig.memory */
	uint8_t shmem_dev_id;
	uint8_t shmem_peers;
	uint16_t shmem_protocol;
} PciDevice;

typedef struct PciCap {
	uint16_t id;
	uint16_t start;
	uint16_t length;
	uint16_t flags; /**< bit 0: writable */
} PciCap;

enum { CONSOLE_TYPE_NONE = 0, CONSOLE_TYPE_8250 = 2, CONSOLE_TYPE_PL011 = 3 };
enum { CONSOLE_MMIO = 0x1, CONSOLE_REGDIST_4 = 0x2 };

typedef struct ConsoleConfig {
	uint64_t address;
	uint32_t size;
	uint16_t type;	/**< CONSOLE_TYPE_*, others as in the blob */
	uint16_t flags; /**< CONSOLE_* */
	uint32_t divider;
	uint32_t gate_nr;
	uint64_t clock_reg;
} ConsoleConfig;

typedef enum CellImageType {
	CELL_IMAGE_PLAIN, /**< bytes at an address */
	CELL_IMAGE_LINUX, /**< a kernel, an initrd and their loader; linux-image.h says where */
} CellImageType;

/** What is put into a cell's memory before it starts. Exactly one of path and string is set; with Linux it is path. */
typedef struct CellImage {
	CellImageType type;
	char *path;	     /**< file, as written */
	char *string;	     /**< text, loaded with its NUL */
	uint64_t address;    /**< guest-physical */
	char *sha256;	     /**< 64 lower case digits, or NULL; only with path */
	char *initrd;	     /**< file, or NULL; this and what follows only with Linux */
	char *initrd_sha256; /**< 64 lower case digits, or NULL; only with initrd */
	char *loader;	     /**< file, NULL: CONFIG_LINUX_LOADER */
} CellImage;

/** All that is put into a cell's memory before it starts: images in their order, then the command line. */
typedef struct CellProgram {
	CellImage *images;
	size_t n_images;
	char *command_line; /**< for Linux, or else loaded with its NUL at CONFIG_COMMAND_LINE_ADDRESS, NULL: none */
} CellProgram;

/** When celld starts a cell again that stopped by itself. */
typedef enum RestartPolicy {
	RESTART_NO,
	RESTART_ON_FAILURE,  /**< failed, violated, heartbeat lost */
	RESTART_ON_WATCHDOG, /**< heartbeat lost only */
	RESTART_ALWAYS,	     /**< also after a clean shutdown by the cell itself */
	RESTART_POLICY_MAX,
	RESTART_POLICY_INVALID = -EINVAL,
} RestartPolicy;

DECLARE_STRING_TABLE(restart_policy, RestartPolicy);

/** What celld does once a cell has failed and is not restarted (any more). */
typedef enum FailureAction {
	FAILURE_ACTION_NONE,	  /**< leave it as it is, for inspection */
	FAILURE_ACTION_STOP,	  /**< destroy it: CPUs and RAM go back */
	FAILURE_ACTION_FAIL_UNIT, /**< destroy it and fail cell@NAME.service */
	FAILURE_ACTION_REBOOT,	  /**< reboot the machine */
	FAILURE_ACTION_MAX,
	FAILURE_ACTION_INVALID = -EINVAL,
} FailureAction;

DECLARE_STRING_TABLE(failure_action, FailureAction);

/** Supervision policy; JSON keys as in the comments, all durations in microseconds. */
typedef struct SupervisionPolicy {
	RestartPolicy restart;	   /**< Restart, default on-failure */
	uint64_t restart_usec;	   /**< RestartUSec: delay of the first restart, default 10 ms */
	uint64_t restart_max_usec; /**< RestartMaxUSec: longest delay, default 5 s */
	uint32_t restart_steps;	   /**< RestartSteps: restarts until the longest delay, default 5; 0: constant */
	uint64_t start_limit_interval_usec; /**< StartLimitIntervalUSec, default 10 s; 0: no limit */
	uint32_t start_limit_burst;	    /**< StartLimitBurst: starts within it, default 5 */
	uint32_t fallback_after_failures;   /**< FallbackAfterFailures: in a row, then the fallback program; 0: never */
	uint64_t heartbeat_interval_usec;   /**< HeartbeatIntervalUSec: expected beat, 0: the cell's promise or none */
	uint64_t heartbeat_timeout_usec;    /**< HeartbeatTimeoutUSec: silence that is a failure, 0: never */
	uint64_t startup_timeout_usec;	    /**< StartupTimeoutUSec: start to first beat, default 5 s; 0: never */
	uint64_t shutdown_timeout_usec;	    /**< ShutdownTimeoutUSec: time to consent, default 1 s */
	FailureAction on_failure;	    /**< OnFailure, default fail-unit */
} SupervisionPolicy;

extern const SupervisionPolicy supervision_policy_defaults;

/** supervision_policy_init - the defaults above */
void supervision_policy_init(SupervisionPolicy *policy);

/**
 * supervision_restart_delay - how long to wait before a restart
 * @attempt: 0 for the first restart since the last quiet period
 *
 * Grows exponentially from restart_usec, and is restart_max_usec from the attempt numbered restart_steps on. Without
 * jitter.
 */
uint64_t supervision_restart_delay(const SupervisionPolicy *policy, unsigned attempt);

/** Bits of CellConfig.flags; the same as in the blob. */
#define CELL_CONFIG_PASSIVE_COMMREG 0x1U
#define CELL_CONFIG_TEST_DEVICE 0x2U
#define CELL_CONFIG_AARCH32 0x4U
#define CELL_CONFIG_CONSOLE_PERMITTED 0x40000000U
#define CELL_CONFIG_CONSOLE_ACTIVE 0x80000000U

/** Fields of a blob without meaning; kept so that import and export give the same bytes. */
typedef struct CellConfigReserved {
	uint8_t header[8];     /**< root cell: signature, architecture, revision */
	uint8_t name_tail[32]; /**< bytes of the name field behind the NUL, at their place */
	uint8_t *trailer;      /**< bytes behind the configuration */
	size_t trailer_bytes;
} CellConfigReserved;

/** A cell, the root cell included (which has neither images nor a policy). */
typedef struct CellConfig {
	ConfigOrigin *origin; /**< of a root cell: the system's, not owned */
	const char *prefix;   /**< of its keys in the origin: "", "root_cell." */

	char *name;
	ConfigArch arch;
	uint32_t id; /**< 0 in files */
	uint32_t flags;
	CpuSet cpus;
	uint64_t cpu_reset_address;
	uint64_t msg_reply_timeout; /**< 0: wait for ever, only sane with CELL_CONFIG_PASSIVE_COMMREG */
	uint32_t vpci_irq_base;
	ConsoleConfig console;

	MemoryRegion *memory;
	CacheRegion *caches;
	IrqChip *irqchips;
	PortRange *ports;
	PciDevice *pci_devices;
	PciCap *pci_caps;
	uint32_t *stream_ids;
	size_t n_memory, n_caches, n_irqchips, n_ports, n_pci_devices, n_pci_caps, n_stream_ids;
	CellConfigReserved reserved;

	CellProgram program;
	CellProgram fallback; /**< without images: there is none; without command line: that of program */
	SupervisionPolicy supervision;
} CellConfig;

typedef struct IommuUnit {
	uint32_t type; /**< 0 unused, 1 AMD, 2 Intel, 3 SMMUv3, 4 TI PVU, 5 MMU-500 */
	uint64_t base;
	uint32_t size;
	uint8_t details[12]; /**< by type, as in the blob */
} IommuUnit;

typedef struct PlatformX86 {
	uint16_t pm_timer_port;
	uint8_t apic_mode; /**< 0 auto, 1 xAPIC, 2 x2APIC */
	uint8_t reserved;
	uint32_t vtd_interrupt_limit;
	uint32_t tsc_khz;
	uint32_t apic_khz;
	uint8_t unused[28];
} PlatformX86;

typedef struct PlatformArm {
	uint8_t maintenance_irq;
	uint8_t gic_version;
	uint8_t reserved[2];
	uint64_t gicd_base;
	uint64_t gicc_base;
	uint64_t gich_base;
	uint64_t gicv_base;
	uint64_t gicr_base;
} PlatformArm;

#define SYSTEM_CONFIG_VIRTUAL_CONSOLE 0x1U /**< bit of SystemConfig.flags: root may read the console ring */

typedef struct SystemConfig {
	ConfigOrigin *origin;
	ConfigArch arch;
	uint32_t flags;
	MemoryRegion hypervisor_memory; /**< phys_start and size count */
	ConsoleConfig debug_console;
	uint64_t mmconfig_base; /**< 0: none */
	uint8_t mmconfig_end_bus;
	uint8_t pci_is_virtual;
	uint16_t pci_domain;
	IommuUnit iommu[CONFIG_IOMMU_MAX];
	union {
		PlatformX86 x86; /**< CONFIG_ARCH_X86 */
		PlatformArm arm; /**< the others */
	};
	CellConfig root;
} SystemConfig;

CellConfig *cell_config_free(CellConfig *config);
SystemConfig *system_config_free(SystemConfig *config);
DEFINE_CLEANUP(CellConfig *, cell_config_free)
DEFINE_CLEANUP(SystemConfig *, system_config_free)
#define _cleanup_cell_config_ _cleanup_(cell_config_freep)
#define _cleanup_system_config_ _cleanup_(system_config_freep)

/** cell_config_command_line - what the cell's program is told, or its fallback program; NULL: nothing */
const char *cell_config_command_line(const CellConfig *config, bool fallback);

/** cell_program_linux - the first image that is a guest Linux, NULL: there is none */
const CellImage *cell_program_linux(const CellProgram *program);

/** The file that a configuration was read from; NULL if it came from memory. */
const char *cell_config_path(const CellConfig *config);
const char *system_config_path(const SystemConfig *config);

/** cell_name_is_valid - [A-Za-z0-9][A-Za-z0-9._-]{0,30} */
bool cell_name_is_valid(const char *name);

/*
 * Files. @dirs is a list of folders (see strv) in falling precedence, or NULL for $CELLD_CONFIG_PATH or else
 * /etc/celld, /run/celld, /var/lib/celld, /usr/lib/celld. In each, system.json is the machine and cells/NAME.json a
 * cell; the first folder that has the file wins. With NULL nobody but root may be able to write it, as in
 * trusted-file.h.
 *
 * Loading decodes only; whether the contents make sense is for config_check_*(). Return: 0; -ENOENT no such file,
 * -ERFKILL masked (no problem is added); -EINVAL with problems; other -errno of reading.
 */
int system_config_load(char *const *dirs, ConfigProblems *problems, SystemConfig **ret);
int cell_config_load(char *const *dirs, const char *name, ConfigProblems *problems, CellConfig **ret);
int system_config_load_file(const char *path, ConfigProblems *problems, SystemConfig **ret);
int cell_config_load_file(const char *path, ConfigProblems *problems, CellConfig **ret);

/** config_search_path - a copy of @dirs, or what stands in for NULL. Return: 0, -ENOMEM */
int config_search_path(char *const *dirs, char ***ret);

/**
 * system_config_find, cell_config_find - path of the file that would be loaded, allocated
 *
 * Return: 0, -ENOENT, -ERFKILL: the first file is empty or a link to /dev/null, which masks all below
 */
int system_config_find(char *const *dirs, char **ret_path);
int cell_config_find(char *const *dirs, const char *name, char **ret_path);

/** config_list_cells - valid names that have a file and are not masked, sorted, each once. Return: 0 or -errno */
int config_list_cells(char *const *dirs, char ***ret_names);

/**
 * cell_config_parse, system_config_parse - decode JSON text
 * @path: named in problems, and from where relative files are meant; may be NULL
 */
int system_config_parse(const char *json, size_t size, const char *path, ConfigProblems *problems, SystemConfig **ret);
int cell_config_parse(const char *json, size_t size, const char *path, ConfigProblems *problems, CellConfig **ret);

/** cell_config_to_json, system_config_to_json - the text that reads back to the same structure, allocated */
int cell_config_to_json(const CellConfig *config, char **ret);
int system_config_to_json(const SystemConfig *config, char **ret);

/**
 * cell_config_to_blob, system_config_to_blob - the bytes for JAILHOUSE_CELL_CREATE and JAILHOUSE_ENABLE
 *
 * Return: 0, -ENOMEM, -E2BIG (a count does not fit into its field)
 */
int cell_config_to_blob(const CellConfig *config, uint8_t **ret, size_t *ret_size);
int system_config_to_blob(const SystemConfig *config, uint8_t **ret, size_t *ret_size);

/** cell_config_from_blob, system_config_from_blob - the inverse, for any bytes. Return: 0, -EINVAL with a problem,
 * -ENOMEM */
int cell_config_from_blob(const uint8_t *blob, size_t size, const char *path, ConfigProblems *problems,
			  CellConfig **ret);
int system_config_from_blob(const uint8_t *blob, size_t size, const char *path, ConfigProblems *problems,
			    SystemConfig **ret);

/** cell_config_room - bytes from @address to the end of the region that it may be loaded to; 0: there is none */
uint64_t cell_config_room(const CellConfig *cell, uint64_t address);

/*
 * Policy. Each adds all problems that it finds. Return: 0 if no error was added (warnings may have been), -EINVAL.
 */

/** config_check_system - the machine by itself: root's memory, hypervisor memory, windows, names, numbers */
int config_check_system(const SystemConfig *system, ConfigProblems *problems);

/** config_check_cell - one cell, against the machine if @system is not NULL */
int config_check_cell(const CellConfig *cell, const SystemConfig *system, ConfigProblems *problems);

/**
 * config_check_conflict - may @cell exist beside @other?
 *
 * Reports every CPU, memory, port, interrupt and PCI device that both claim, at @cell's keys, as @severity.
 */
int config_check_conflict(const CellConfig *cell, const CellConfig *other, ConfigSeverity severity,
			  ConfigProblems *problems);

#endif
