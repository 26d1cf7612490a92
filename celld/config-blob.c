/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration to the bytes that kernel module and hypervisor take, and back. The only file of celld that knows the
 * layout of hypervisor/abi/config.h.
 *
 * Reading trusts nothing: all sizes are computed in 64 bits and compared with the bytes at hand before an array is
 * touched. Every byte of a blob is kept in some field, so that writing gives the same bytes again.
 */
#include <ctype.h>
#include <limits.h>

#include <abi/config.h>

#include "config-origin.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "blobs are little-endian");
_Static_assert(MEMORY_READ == CELL_MEM_READ && MEMORY_WRITE == CELL_MEM_WRITE && MEMORY_EXECUTE == CELL_MEM_EXECUTE &&
		       MEMORY_DMA == CELL_MEM_DMA && MEMORY_IO == CELL_MEM_IO &&
		       MEMORY_COMM_REGION == CELL_MEM_COMM_REGION && MEMORY_LOADABLE == CELL_MEM_LOADABLE &&
		       MEMORY_ROOTSHARED == CELL_MEM_ROOTSHARED && MEMORY_NO_HUGEPAGES == CELL_MEM_NO_HUGEPAGES &&
		       MEMORY_IO_UNALIGNED == CELL_MEM_IO_UNALIGNED && MEMORY_IO_8 == CELL_MEM_IO_8 &&
		       MEMORY_IO_16 == CELL_MEM_IO_16 && MEMORY_IO_32 == CELL_MEM_IO_32 &&
		       MEMORY_IO_64 == CELL_MEM_IO_64,
	       "memory flags as in the blob");
_Static_assert(CELL_CONFIG_PASSIVE_COMMREG == CELL_FLAG_PASSIVE_COMMREG &&
		       CELL_CONFIG_TEST_DEVICE == CELL_FLAG_TEST_DEVICE && CELL_CONFIG_AARCH32 == CELL_FLAG_AARCH32 &&
		       CELL_CONFIG_CONSOLE_PERMITTED == CELL_FLAG_CONSOLE_PERMITTED &&
		       CELL_CONFIG_CONSOLE_ACTIVE == CELL_FLAG_CONSOLE_ACTIVE &&
		       SYSTEM_CONFIG_VIRTUAL_CONSOLE == CELL_SYSTEM_VIRTUAL_CONSOLE,
	       "flags as in the blob");
_Static_assert((int)CONFIG_ARCH_X86 == CELL_ARCH_X86 && (int)CONFIG_ARCH_ARM == CELL_ARCH_ARM &&
		       (int)CONFIG_ARCH_ARM64 == CELL_ARCH_ARM64,
	       "architectures as in the blob");
_Static_assert(CONFIG_CELL_NAME_MAX + 1 == CELL_NAME_BYTES && CONFIG_IOMMU_MAX == CELL_IOMMU_MAX,
	       "sizes as in the blob");

/* -- Single elements: struct of the blob to ours and back ------------------------------------------------------------
 */

static MemoryRegion memory_from_abi(const struct cell_memory *m)
{
	return (MemoryRegion){ m->phys_start, m->virt_start, m->size, m->flags };
}

static struct cell_memory memory_to_abi(const MemoryRegion *m)
{
	return (struct cell_memory){ m->phys_start, m->virt_start, m->size, m->flags };
}

static ConsoleConfig console_from_abi(const struct cell_console *c)
{
	return (ConsoleConfig){ c->address, c->size, c->type, c->flags, c->divider, c->gate_nr, c->clock_reg };
}

static struct cell_console console_to_abi(const ConsoleConfig *c)
{
	return (struct cell_console){ c->address, c->size, c->type, c->flags, c->divider, c->gate_nr, c->clock_reg };
}

static CacheRegion cache_from_abi(const struct cell_cache *c)
{
	return (CacheRegion){ c->start, c->size, c->type, c->reserved, c->flags };
}

static struct cell_cache cache_to_abi(const CacheRegion *c)
{
	return (struct cell_cache){ c->start, c->size, c->type, c->reserved, c->flags };
}

static IrqChip irqchip_from_abi(const struct cell_irqchip *c)
{
	return (IrqChip){
		c->address, c->id, c->pin_base, { c->pin_map[0], c->pin_map[1], c->pin_map[2], c->pin_map[3] }
	};
}

static struct cell_irqchip irqchip_to_abi(const IrqChip *c)
{
	return (struct cell_irqchip){
		c->address, c->id, c->pin_base, { c->pin_map[0], c->pin_map[1], c->pin_map[2], c->pin_map[3] }
	};
}

static PortRange port_from_abi(const struct cell_pio *p)
{
	return (PortRange){ p->base, p->length };
}

static struct cell_pio port_to_abi(const PortRange *p)
{
	return (struct cell_pio){ p->base, p->length };
}

/** Copies all fields between the two structs for PCI functions, which have the same names. */
#define PCI_DEVICE_COPY(to, from)                                          \
	({                                                                 \
		(to)->type = (from)->type;                                 \
		(to)->iommu = (from)->iommu;                               \
		(to)->domain = (from)->domain;                             \
		(to)->bdf = (from)->bdf;                                   \
		for (size_t _i = 0; _i < ELEMENTSOF((to)->bar_mask); _i++) \
			(to)->bar_mask[_i] = (from)->bar_mask[_i];         \
		(to)->caps_start = (from)->caps_start;                     \
		(to)->num_caps = (from)->num_caps;                         \
		(to)->num_msi_vectors = (from)->num_msi_vectors;           \
		(to)->msi_flags = (from)->msi_flags;                       \
		(to)->num_msix_vectors = (from)->num_msix_vectors;         \
		(to)->msix_region_size = (from)->msix_region_size;         \
		(to)->msix_address = (from)->msix_address;                 \
		(to)->shmem_regions_start = (from)->shmem_regions_start;   \
		(to)->shmem_dev_id = (from)->shmem_dev_id;                 \
		(to)->shmem_peers = (from)->shmem_peers;                   \
		(to)->shmem_protocol = (from)->shmem_protocol;             \
	})

static PciDevice pci_device_from_abi(const struct cell_pci_device *d)
{
	PciDevice device;

	PCI_DEVICE_COPY(&device, d);
	return device;
}

static struct cell_pci_device pci_device_to_abi(const PciDevice *d)
{
	struct cell_pci_device device;

	PCI_DEVICE_COPY(&device, d);
	return device;
}

static PciCap pci_cap_from_abi(const struct cell_pci_cap *c)
{
	return (PciCap){ c->id, c->start, c->len, c->flags };
}

static struct cell_pci_cap pci_cap_to_abi(const PciCap *c)
{
	return (struct cell_pci_cap){ c->id, c->start, c->length, c->flags };
}

static uint32_t stream_id_from_abi(const uint32_t *id)
{
	return *id;
}

static uint32_t stream_id_to_abi(const uint32_t *id)
{
	return *id;
}

/* -- Arrays ----------------------------------------------------------------------------------------------------------
 */

/**
 * Defines read_NAME(), which decodes @n elements behind @bytes into a new array, and write_NAME(), which encodes an
 * array and returns the position behind it. Elements of blobs are not aligned, so each is copied out and in.
 */
#define DEFINE_ARRAY(name, ours, abi)                                                          \
	static int read_##name##s(const uint8_t *bytes, uint32_t n, ours **ret, size_t *ret_n) \
	{                                                                                      \
		ours *items = calloc(MAX(n, 1U), sizeof(*items));                              \
                                                                                               \
		if (!items)                                                                    \
			return -ENOMEM;                                                        \
		for (size_t i = 0; i < n; i++) {                                               \
			abi element;                                                           \
                                                                                               \
			memcpy(&element, bytes + i * sizeof(element), sizeof(element));        \
			items[i] = name##_from_abi(&element);                                  \
		}                                                                              \
		*ret = items;                                                                  \
		*ret_n = n;                                                                    \
		return 0;                                                                      \
	}                                                                                      \
	static uint8_t *write_##name##s(uint8_t *bytes, const ours *items, size_t n)           \
	{                                                                                      \
		for (size_t i = 0; i < n; i++, bytes += sizeof(abi)) {                         \
			abi element = name##_to_abi(&items[i]);                                \
                                                                                               \
			memcpy(bytes, &element, sizeof(element));                              \
		}                                                                              \
		return bytes;                                                                  \
	}

DEFINE_ARRAY(memory, MemoryRegion, struct cell_memory)
DEFINE_ARRAY(cache, CacheRegion, struct cell_cache)
DEFINE_ARRAY(irqchip, IrqChip, struct cell_irqchip)
DEFINE_ARRAY(port, PortRange, struct cell_pio)
DEFINE_ARRAY(pci_device, PciDevice, struct cell_pci_device)
DEFINE_ARRAY(pci_cap, PciCap, struct cell_pci_cap)
DEFINE_ARRAY(stream_id, uint32_t, uint32_t)

/* -- Writing ---------------------------------------------------------------------------------------------------------
 */

/** cell_to_header - everything of a cell but its arrays. Return: 0, -E2BIG */
static int cell_to_header(const CellConfig *cell, struct cell_config *ret)
{
	size_t name_bytes = strlen(cell->name);

	if (name_bytes >= sizeof(ret->name) || cell->n_memory > UINT32_MAX || cell->n_caches > UINT32_MAX ||
	    cell->n_irqchips > UINT32_MAX || cell->n_ports > UINT32_MAX || cell->n_pci_devices > UINT32_MAX ||
	    cell->n_pci_caps > UINT32_MAX || cell->n_stream_ids > UINT32_MAX)
		return -E2BIG;
	*ret = (struct cell_config){
		.id = cell->id,
		.flags = cell->flags,
		.cpu_set_size = cell->cpus.size_bytes,
		.num_memory_regions = (uint32_t)cell->n_memory,
		.num_cache_regions = (uint32_t)cell->n_caches,
		.num_irqchips = (uint32_t)cell->n_irqchips,
		.num_pio_regions = (uint32_t)cell->n_ports,
		.num_pci_devices = (uint32_t)cell->n_pci_devices,
		.num_pci_caps = (uint32_t)cell->n_pci_caps,
		.num_stream_ids = (uint32_t)cell->n_stream_ids,
		.vpci_irq_base = cell->vpci_irq_base,
		.cpu_reset_address = cell->cpu_reset_address,
		.msg_reply_timeout = cell->msg_reply_timeout,
		.console = console_to_abi(&cell->console),
	};
	memcpy(ret, cell->reserved.header, sizeof(cell->reserved.header));
	memcpy(ret->name, cell->reserved.name_tail, sizeof(ret->name));
	memcpy(ret->name, cell->name, name_bytes + 1);
	return 0;
}

/** cell_arrays_write - all arrays and the trailer, in the order of the format; returns the position behind them */
static uint8_t *cell_arrays_write(const CellConfig *cell, uint8_t *bytes)
{
	if (cell->cpus.size_bytes > 0)
		memcpy(bytes, cell->cpus.bits, cell->cpus.size_bytes);
	bytes += cell->cpus.size_bytes;
	bytes = write_memorys(bytes, cell->memory, cell->n_memory);
	bytes = write_caches(bytes, cell->caches, cell->n_caches);
	bytes = write_irqchips(bytes, cell->irqchips, cell->n_irqchips);
	bytes = write_ports(bytes, cell->ports, cell->n_ports);
	bytes = write_pci_devices(bytes, cell->pci_devices, cell->n_pci_devices);
	bytes = write_pci_caps(bytes, cell->pci_caps, cell->n_pci_caps);
	bytes = write_stream_ids(bytes, cell->stream_ids, cell->n_stream_ids);
	if (cell->reserved.trailer_bytes > 0)
		memcpy(bytes, cell->reserved.trailer, cell->reserved.trailer_bytes);
	return bytes + cell->reserved.trailer_bytes;
}

int cell_config_to_blob(const CellConfig *config, uint8_t **ret, size_t *ret_size)
{
	struct cell_config header;
	uint64_t size;
	uint8_t *blob;
	int r;

	r = cell_to_header(config, &header);
	if (r < 0)
		return r;
	memcpy(header.signature, CELL_CONFIG_SIGNATURE, sizeof(header.signature));
	header.architecture = (uint8_t)config->arch;
	header.revision = CELL_CONFIG_REVISION;
	size = cell_config_size(&header) + config->reserved.trailer_bytes;
	blob = malloc(size);
	if (!blob)
		return -ENOMEM;
	memcpy(blob, &header, sizeof(header));
	cell_arrays_write(config, blob + sizeof(header));
	*ret = blob;
	*ret_size = size;
	return 0;
}

static void system_to_header(const SystemConfig *config, struct cell_system *header)
{
	memcpy(header->signature, CELL_SYSTEM_SIGNATURE, sizeof(header->signature));
	header->architecture = (uint8_t)config->arch;
	header->revision = CELL_CONFIG_REVISION;
	header->flags = config->flags;
	header->hypervisor_memory = memory_to_abi(&config->hypervisor_memory);
	header->debug_console = console_to_abi(&config->debug_console);
	header->mmconfig_base = config->mmconfig_base;
	header->mmconfig_end_bus = config->mmconfig_end_bus;
	header->pci_is_virtual = config->pci_is_virtual;
	header->pci_domain = config->pci_domain;
	for (size_t i = 0; i < CELL_IOMMU_MAX; i++) {
		const IommuUnit *unit = &config->iommu[i];

		header->iommu[i] = (struct cell_iommu){ .type = unit->type, .base = unit->base, .size = unit->size };
		memcpy(&header->iommu[i].amd, unit->details, sizeof(unit->details));
	}
	if (config->arch == CONFIG_ARCH_X86) {
		const PlatformX86 *p = &config->x86;

		header->x86 =
			(struct cell_platform_x86){ p->pm_timer_port, p->apic_mode, p->reserved, p->vtd_interrupt_limit,
						    p->tsc_khz,	      p->apic_khz,  { 0 } };
		memcpy(header->x86.unused, p->unused, sizeof(p->unused));
	} else {
		const PlatformArm *p = &config->arm;

		header->arm = (struct cell_platform_arm){
			p->maintenance_irq, p->gic_version, { p->reserved[0], p->reserved[1] },
			p->gicd_base,	    p->gicc_base,   p->gich_base,
			p->gicv_base,	    p->gicr_base,
		};
	}
}

int system_config_to_blob(const SystemConfig *config, uint8_t **ret, size_t *ret_size)
{
	struct cell_system header = { 0 };
	uint64_t size;
	uint8_t *blob;
	int r;

	r = cell_to_header(&config->root, &header.root_cell);
	if (r < 0)
		return r;
	system_to_header(config, &header);
	size = cell_system_size(&header) + config->root.reserved.trailer_bytes;
	blob = malloc(size);
	if (!blob)
		return -ENOMEM;
	memcpy(blob, &header, sizeof(header));
	cell_arrays_write(&config->root, blob + sizeof(header));
	*ret = blob;
	*ret_size = size;
	return 0;
}

/* -- Reading ---------------------------------------------------------------------------------------------------------
 */

static int invalid(const char *path, ConfigProblems *problems, const char *message)
{
	config_problem_add(problems, CONFIG_ERROR, path, 0, NULL, "%s", message);
	return -EINVAL;
}

/** name_read - the name, and what stands behind its NUL. Return: 0, -EINVAL (not a printable string), -ENOMEM */
static int name_read(const struct cell_config *header, CellConfig *cell)
{
	size_t n = strnlen(header->name, sizeof(header->name));

	if (n == sizeof(header->name))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (header->name[i] < 0x20 || header->name[i] > 0x7e)
			return -EINVAL;
	memcpy(cell->reserved.name_tail + n + 1, header->name + n + 1, sizeof(header->name) - n - 1);
	cell->name = strndup(header->name, n);
	return cell->name ? 0 : -ENOMEM;
}

/** cell_arrays_read - @bytes holds everything that the header promises, and @trailer_bytes more */
static int cell_arrays_read(const struct cell_config *header, const uint8_t *bytes, size_t trailer_bytes,
			    CellConfig *cell)
{
	/* offsets of the format count from the header */
	const uint8_t *base = bytes - sizeof(*header);
	int r;

	cell->cpus.bits = malloc(MAX(header->cpu_set_size, 1U));
	cell->reserved.trailer = malloc(MAX(trailer_bytes, (size_t)1));
	if (!cell->cpus.bits || !cell->reserved.trailer)
		return -ENOMEM;
	memcpy(cell->cpus.bits, bytes, header->cpu_set_size);
	cell->cpus.size_bytes = header->cpu_set_size;
	memcpy(cell->reserved.trailer, base + cell_config_size(header), trailer_bytes);
	cell->reserved.trailer_bytes = trailer_bytes;

	r = read_memorys(base + cell_config_memory_offset(header), header->num_memory_regions, &cell->memory,
			 &cell->n_memory);
	if (r >= 0)
		r = read_caches(base + cell_config_cache_offset(header), header->num_cache_regions, &cell->caches,
				&cell->n_caches);
	if (r >= 0)
		r = read_irqchips(base + cell_config_irqchip_offset(header), header->num_irqchips, &cell->irqchips,
				  &cell->n_irqchips);
	if (r >= 0)
		r = read_ports(base + cell_config_pio_offset(header), header->num_pio_regions, &cell->ports,
			       &cell->n_ports);
	if (r >= 0)
		r = read_pci_devices(base + cell_config_pci_offset(header), header->num_pci_devices, &cell->pci_devices,
				     &cell->n_pci_devices);
	if (r >= 0)
		r = read_pci_caps(base + cell_config_pci_cap_offset(header), header->num_pci_caps, &cell->pci_caps,
				  &cell->n_pci_caps);
	if (r >= 0)
		r = read_stream_ids(base + cell_config_stream_offset(header), header->num_stream_ids, &cell->stream_ids,
				    &cell->n_stream_ids);
	return r;
}

/** cell_read - header and arrays; @arrays_bytes are at hand behind the header */
static int cell_read(const struct cell_config *header, const uint8_t *arrays, size_t arrays_bytes, const char *path,
		     ConfigProblems *problems, CellConfig *cell)
{
	uint64_t wanted = cell_config_size(header) - sizeof(*header);
	int r;

	if (header->cpu_set_size > CELL_CPU_SET_MAX_BYTES)
		return invalid(path, problems, "CPU set is larger than 4096 bytes");
	if (wanted > arrays_bytes) {
		config_problem_add(problems, CONFIG_ERROR, path, 0, NULL,
				   "truncated: the header promises %llu bytes, %zu are there",
				   (unsigned long long)wanted + sizeof(*header), arrays_bytes + sizeof(*header));
		return -EINVAL;
	}
	supervision_policy_init(&cell->supervision);
	r = name_read(header, cell);
	if (r == -EINVAL)
		return invalid(path, problems, "cell name is not a printable string of at most 31 characters");
	if (r < 0)
		return r;
	cell->id = header->id;
	cell->flags = header->flags;
	cell->vpci_irq_base = header->vpci_irq_base;
	cell->cpu_reset_address = header->cpu_reset_address;
	cell->msg_reply_timeout = header->msg_reply_timeout;
	cell->console = console_from_abi(&header->console);
	return cell_arrays_read(header, arrays, arrays_bytes - wanted, cell);
}

/** signature_check - what both kinds begin with: signature[5], architecture, revision */
static int signature_check(const uint8_t *blob, size_t size, size_t header_bytes, const char *signature,
			   const char *path, ConfigProblems *problems)
{
	uint16_t revision;

	if (size >= CELL_SIGNATURE_BYTES && memcmp(blob, signature, CELL_SIGNATURE_BYTES) != 0)
		return invalid(path, problems, "does not begin with the signature of this kind of configuration");
	if (size > CONFIG_BLOB_MAX_BYTES)
		return invalid(path, problems, "larger than 65536 bytes");
	if (size < header_bytes)
		return invalid(path, problems, "truncated: shorter than its header");
	memcpy(&revision, blob + offsetof(struct cell_config, revision), sizeof(revision));
	if (revision != CELL_CONFIG_REVISION) {
		config_problem_add(problems, CONFIG_ERROR, path, 0, NULL, "revision %u, only %u is known", revision,
				   CELL_CONFIG_REVISION);
		return -EINVAL;
	}
	if (blob[offsetof(struct cell_config, architecture)] >= CONFIG_ARCH_MAX)
		return invalid(path, problems, "unknown architecture");
	return 0;
}

int cell_config_from_blob(const uint8_t *blob, size_t size, const char *path, ConfigProblems *problems,
			  CellConfig **ret)
{
	_cleanup_cell_config_ CellConfig *cell = calloc(1, sizeof(*cell));
	struct cell_config header;
	int r;

	if (!cell)
		return -ENOMEM;
	r = signature_check(blob, size, sizeof(header), CELL_CONFIG_SIGNATURE, path, problems);
	if (r < 0)
		return r;
	memcpy(&header, blob, sizeof(header));
	cell->prefix = "";
	cell->arch = header.architecture;
	r = config_origin_new(path, &cell->origin);
	if (r >= 0)
		r = cell_read(&header, blob + sizeof(header), size - sizeof(header), path, problems, cell);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(cell);
	return 0;
}

static void system_from_header(const struct cell_system *header, SystemConfig *config)
{
	config->arch = header->architecture;
	config->flags = header->flags;
	config->hypervisor_memory = memory_from_abi(&header->hypervisor_memory);
	config->debug_console = console_from_abi(&header->debug_console);
	config->mmconfig_base = header->mmconfig_base;
	config->mmconfig_end_bus = header->mmconfig_end_bus;
	config->pci_is_virtual = header->pci_is_virtual;
	config->pci_domain = header->pci_domain;
	for (size_t i = 0; i < CELL_IOMMU_MAX; i++) {
		const struct cell_iommu *unit = &header->iommu[i];

		config->iommu[i] = (IommuUnit){ .type = unit->type, .base = unit->base, .size = unit->size };
		memcpy(config->iommu[i].details, &unit->amd, sizeof(config->iommu[i].details));
	}
	if (config->arch == CONFIG_ARCH_X86) {
		const struct cell_platform_x86 *p = &header->x86;

		config->x86 = (PlatformX86){ p->pm_timer_port, p->apic_mode, p->reserved, p->vtd_interrupt_limit,
					     p->tsc_khz,       p->apic_khz,  { 0 } };
		memcpy(config->x86.unused, p->unused, sizeof(p->unused));
	} else {
		const struct cell_platform_arm *p = &header->arm;

		config->arm = (PlatformArm){ p->maintenance_irq, p->gic_version, { p->reserved[0], p->reserved[1] },
					     p->gicd_base,	 p->gicc_base,	 p->gich_base,
					     p->gicv_base,	 p->gicr_base };
	}
}

int system_config_from_blob(const uint8_t *blob, size_t size, const char *path, ConfigProblems *problems,
			    SystemConfig **ret)
{
	_cleanup_system_config_ SystemConfig *system = calloc(1, sizeof(*system));
	struct cell_system header;
	int r;

	if (!system)
		return -ENOMEM;
	r = signature_check(blob, size, sizeof(header), CELL_SYSTEM_SIGNATURE, path, problems);
	if (r < 0)
		return r;
	memcpy(&header, blob, sizeof(header));
	system_from_header(&header, system);
	memcpy(system->root.reserved.header, &header.root_cell, sizeof(system->root.reserved.header));
	system->root.prefix = "root_cell.";
	system->root.arch = system->arch;
	r = config_origin_new(path, &system->origin);
	if (r < 0)
		return r;
	system->root.origin = system->origin;
	r = cell_read(&header.root_cell, blob + sizeof(header), size - sizeof(header), path, problems, &system->root);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(system);
	return 0;
}
