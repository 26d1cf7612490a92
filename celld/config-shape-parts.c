/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How configuration files look: memory, consoles, interrupt controllers, PCI functions.
 */
#include <inttypes.h>

#include "config-shape.h"
#include "json-ranges.h"

const JsonNames config_arch_names =
	JSON_NAMES({ "x86", CONFIG_ARCH_X86 }, { "arm", CONFIG_ARCH_ARM }, { "arm64", CONFIG_ARCH_ARM64 });

static const JsonNames console_type_names = {
	.items =
		(const JsonName[]){
			{ "none", 0 },
			{ "efifb", 1 },
			{ "8250", 2 },
			{ "pl011", 3 },
			{ "xuartps", 4 },
			{ "mvebu", 5 },
			{ "hscif", 6 },
			{ "scifa", 7 },
			{ "imx", 8 },
			{ "imx-lpuart", 9 },
			{ "scif", 10 },
		},
	.n_items = 11,
	.open = true,
};

static const JsonNames console_flag_names = JSON_NAMES({ "mmio", 0x1 }, { "regdist-4", 0x2 }, { "fb-1920x1080", 0x4 },
						       { "inverted-gate", 0x1000 }, { "mdr-quirk", 0x2000 });

static const JsonField console_fields[] = {
	{ FIELD("type", json_enum, ConsoleConfig, type), .details = &console_type_names },
	{ FIELD("address", json_address, ConsoleConfig, address) },
	{ FIELD("size", json_size, ConsoleConfig, size) },
	{ FIELD("flags", json_flags, ConsoleConfig, flags), .details = &console_flag_names },
	{ FIELD("divider", json_number, ConsoleConfig, divider) },
	{ FIELD("gate_nr", json_number, ConsoleConfig, gate_nr) },
	{ FIELD("clock_reg", json_address, ConsoleConfig, clock_reg) },
};

const JsonShape config_console_shape = {
	.fields = console_fields,
	.n_fields = ELEMENTSOF(console_fields),
	.object_bytes = sizeof(ConsoleConfig),
};

static const JsonNames memory_flag_names = JSON_NAMES(
	{ "read", MEMORY_READ }, { "write", MEMORY_WRITE }, { "execute", MEMORY_EXECUTE }, { "dma", MEMORY_DMA },
	{ "io", MEMORY_IO }, { "comm-region", MEMORY_COMM_REGION }, { "loadable", MEMORY_LOADABLE },
	{ "rootshared", MEMORY_ROOTSHARED }, { "no-hugepages", MEMORY_NO_HUGEPAGES },
	{ "io-unaligned", MEMORY_IO_UNALIGNED }, { "io-8", MEMORY_IO_8 }, { "io-16", MEMORY_IO_16 },
	{ "io-32", MEMORY_IO_32 }, { "io-64", MEMORY_IO_64 });

/** encode_virt - left out where it is the physical address */
static int encode_virt(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const MemoryRegion *region = (const MemoryRegion *)((const uint8_t *)member - field->offset);

	(void)fallback;
	if (region->virt_start == region->phys_start)
		return 0;
	return json_address.encode(field, member, &(uint64_t){ ~region->virt_start }, ret);
}

static int decode_virt(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
		       void *member)
{
	return json_address.decode(reader, where, field, value, member);
}

static const JsonType json_virt = { .decode = decode_virt, .encode = encode_virt };

/** encode_phys - left out for the communication page, which has none */
static int encode_phys(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const MemoryRegion *region = (const MemoryRegion *)((const uint8_t *)member - field->offset);

	(void)fallback;
	if (region->phys_start == 0 && region->flags & MEMORY_COMM_REGION && region->virt_start != 0)
		return 0;
	return json_address.encode(field, member, &(uint64_t){ ~region->phys_start }, ret);
}

static const JsonType json_phys = { .decode = decode_virt, .encode = encode_phys };

static const JsonField memory_fields[] = {
	{ FIELD("phys", json_phys, MemoryRegion, phys_start) },
	{ FIELD("virt", json_virt, MemoryRegion, virt_start) },
	{ FIELD("size", json_size, MemoryRegion, size), .flags = FIELD_REQUIRED },
	{ FIELD("flags", json_flags, MemoryRegion, flags), .details = &memory_flag_names },
};

static int finish_memory(JsonReader *reader, const JsonPath *where, json_object *value, void *object)
{
	MemoryRegion *region = object;
	bool has_phys = json_object_object_get_ex(value, "phys", NULL);

	if (!json_object_object_get_ex(value, "virt", NULL))
		region->virt_start = region->phys_start;
	if (!has_phys && !(region->flags & MEMORY_COMM_REGION))
		json_problem(reader, where, "key \"phys\" is missing");
	return 0;
}

const JsonShape config_memory_shape = {
	.fields = memory_fields,
	.n_fields = ELEMENTSOF(memory_fields),
	.object_bytes = sizeof(MemoryRegion),
	.finish = finish_memory,
};

static const JsonNames cache_flag_names = JSON_NAMES({ "rootshared", 1 });

static const JsonField cache_fields[] = {
	{ FIELD("start", json_number, CacheRegion, start), .flags = FIELD_REQUIRED },
	{ FIELD("size", json_number, CacheRegion, size), .flags = FIELD_REQUIRED },
	{ FIELD("type", json_number, CacheRegion, type) },
	{ FIELD("flags", json_flags, CacheRegion, flags), .details = &cache_flag_names },
	{ FIELD("reserved", json_number, CacheRegion, reserved) },
};

const JsonShape config_cache_shape = {
	.fields = cache_fields,
	.n_fields = ELEMENTSOF(cache_fields),
	.object_bytes = sizeof(CacheRegion),
};

static const JsonField irqchip_fields[] = {
	{ FIELD("address", json_address, IrqChip, address), .flags = FIELD_REQUIRED },
	{ FIELD("id", json_address, IrqChip, id) },
	{ FIELD("pin_base", json_number, IrqChip, pin_base) },
	{ FIELD("pins", json_pins, IrqChip, pin_map) },
};

const JsonShape config_irqchip_shape = {
	.fields = irqchip_fields,
	.n_fields = ELEMENTSOF(irqchip_fields),
	.object_bytes = sizeof(IrqChip),
};

/** PciDevice.domain and bdf as "0000:00:1f.2" */
static int decode_pci_address(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			      void *member)
{
	PciDevice *device = (PciDevice *)((uint8_t *)member - field->offset);
	unsigned domain, bus, slot, function;
	char end;

	if (!json_object_is_type(value, json_type_string) ||
	    sscanf(json_object_get_string(value), "%4x:%2x:%2x.%1x%c", &domain, &bus, &slot, &function, &end) != 4 ||
	    slot > 31 || function > 7) {
		json_problem(reader, where, "expected a PCI address as \"0000:00:1f.2\"");
		return 0;
	}
	device->domain = (uint16_t)domain;
	device->bdf = (uint16_t)(bus << 8 | slot << 3 | function);
	return 0;
}

static int encode_pci_address(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const PciDevice *device = (const PciDevice *)((const uint8_t *)member - field->offset);
	char buf[24];

	(void)fallback;
	snprintf(buf, sizeof(buf), "%04x:%02x:%02x.%x", device->domain, device->bdf >> 8, device->bdf >> 3 & 31,
		 device->bdf & 7U);
	*ret = json_object_new_string(buf);
	return *ret ? 0 : -ENOMEM;
}

static const JsonType json_pci_address = { .decode = decode_pci_address, .encode = encode_pci_address };

static int decode_bar_masks(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			    void *member)
{
	uint32_t *masks = member;
	size_t n = field->size / sizeof(*masks);

	if (!json_object_is_type(value, json_type_array) || json_object_array_length(value) > n) {
		json_problem(reader, where, "expected an array of at most %zu masks", n);
		return 0;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		JsonPath here = { .outer = where, .index = i };
		uint64_t mask = 0;

		json_u64(reader, &here, json_object_array_get_idx(value, i), UINT32_MAX, &mask);
		masks[i] = (uint32_t)mask;
	}
	return 0;
}

static int encode_bar_masks(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	_cleanup_json_ json_object *json = json_object_new_array();
	const uint32_t *masks = member;
	size_t n = field->size / sizeof(*masks);
	int r;

	(void)fallback;
	if (!json)
		return -ENOMEM;
	while (n > 0 && masks[n - 1] == 0)
		n--;
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		r = json_append(json, json_hex(masks[i]));
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(json);
	return 0;
}

static const JsonType json_bar_masks = { .decode = decode_bar_masks, .encode = encode_bar_masks };

static const JsonNames pci_type_names = {
	.items = (const JsonName[]){ { "device", 1 }, { "bridge", 2 }, { "ivshmem", 3 } },
	.n_items = 3,
	.open = true,
};
static const JsonNames msi_flag_names = JSON_NAMES({ "64bit", 1 }, { "maskable", 2 });

static const JsonField pci_device_fields[] = {
	{ FIELD("type", json_enum, PciDevice, type), .details = &pci_type_names, .flags = FIELD_REQUIRED },
	{ FIELD("address", json_pci_address, PciDevice, bdf), .flags = FIELD_REQUIRED },
	{ FIELD("iommu", json_number, PciDevice, iommu) },
	{ FIELD("bar_masks", json_bar_masks, PciDevice, bar_mask) },
	{ FIELD("caps_start", json_number, PciDevice, caps_start) },
	{ FIELD("num_caps", json_number, PciDevice, num_caps) },
	{ FIELD("num_msi_vectors", json_number, PciDevice, num_msi_vectors) },
	{ FIELD("msi_flags", json_flags, PciDevice, msi_flags), .details = &msi_flag_names },
	{ FIELD("num_msix_vectors", json_number, PciDevice, num_msix_vectors) },
	{ FIELD("msix_region_size", json_number, PciDevice, msix_region_size) },
	{ FIELD("msix_address", json_address, PciDevice, msix_address) },
	{ FIELD("shmem_regions_start", json_number, PciDevice, shmem_regions_start) },
	{ FIELD("shmem_dev_id", json_number, PciDevice, shmem_dev_id) },
	{ FIELD("shmem_peers", json_number, PciDevice, shmem_peers) },
	{ FIELD("shmem_protocol", json_address, PciDevice, shmem_protocol) },
};

const JsonShape config_pci_device_shape = {
	.fields = pci_device_fields,
	.n_fields = ELEMENTSOF(pci_device_fields),
	.object_bytes = sizeof(PciDevice),
};

static const JsonNames pci_cap_flag_names = JSON_NAMES({ "write", 1 });

static const JsonField pci_cap_fields[] = {
	{ FIELD("id", json_address, PciCap, id), .flags = FIELD_REQUIRED },
	{ FIELD("start", json_address, PciCap, start), .flags = FIELD_REQUIRED },
	{ FIELD("length", json_number, PciCap, length), .flags = FIELD_REQUIRED },
	{ FIELD("flags", json_flags, PciCap, flags), .details = &pci_cap_flag_names },
};

const JsonShape config_pci_cap_shape = {
	.fields = pci_cap_fields,
	.n_fields = ELEMENTSOF(pci_cap_fields),
	.object_bytes = sizeof(PciCap),
};

static int decode_stream_id(JsonReader *reader, const JsonPath *where, json_object *value, void *object)
{
	uint64_t id = 0;

	json_u64(reader, where, value, UINT32_MAX, &id);
	*(uint32_t *)object = (uint32_t)id;
	return 0;
}

static int encode_stream_id(const void *object, json_object **ret)
{
	*ret = json_hex(*(const uint32_t *)object);
	return *ret ? 0 : -ENOMEM;
}

const JsonShape config_stream_id_shape = {
	.object_bytes = sizeof(uint32_t),
	.decode_short = decode_stream_id,
	.encode_short = encode_stream_id,
};
