/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How configuration files look: the machine.
 */
#include "config-shape.h"

/** A value of which only 0 and 1 make sense, but all are kept. */
static int decode_bool(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
		       void *member)
{
	if (!json_object_is_type(value, json_type_boolean))
		return json_number.decode(reader, where, field, value, member);
	*(uint8_t *)member = json_object_get_boolean(value) ? 1 : 0;
	return 0;
}

static int encode_bool(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	if (*(const uint8_t *)member != 1)
		return json_number.encode(field, member, fallback, ret);
	*ret = json_object_new_boolean(true);
	return *ret ? 0 : -ENOMEM;
}

static const JsonType json_truth = { .decode = decode_bool, .encode = encode_bool };

static const JsonField hypervisor_memory_fields[] = {
	{ FIELD("phys", json_address, MemoryRegion, phys_start), .flags = FIELD_REQUIRED },
	{ FIELD("size", json_size, MemoryRegion, size), .flags = FIELD_REQUIRED },
	{ FIELD("reserved_virt", json_address, MemoryRegion, virt_start) },
	{ FIELD("reserved_flags", json_address, MemoryRegion, flags) },
};

static const JsonShape hypervisor_memory_shape = {
	.fields = hypervisor_memory_fields,
	.n_fields = ELEMENTSOF(hypervisor_memory_fields),
	.object_bytes = sizeof(MemoryRegion),
};

static const JsonField pci_fields[] = {
	{ FIELD("mmconfig_base", json_address, SystemConfig, mmconfig_base) },
	{ FIELD("end_bus", json_number, SystemConfig, mmconfig_end_bus) },
	{ FIELD("virtual", json_truth, SystemConfig, pci_is_virtual) },
	{ FIELD("domain", json_address, SystemConfig, pci_domain) },
};

/** Some members of SystemConfig under one key. */
static const JsonShape pci_shape = {
	.fields = pci_fields,
	.n_fields = ELEMENTSOF(pci_fields),
	.object_bytes = sizeof(SystemConfig),
};

/* IommuUnit.details has three faces, chosen by IommuUnit.type; offsets are those of the blob. */
typedef struct IommuFace {
	JsonShape shape;
	uint32_t type;
} IommuFace;

#define IOMMU_DETAILS_BYTES sizeof(((IommuUnit *)0)->details)

static const JsonField amd_fields[] = {
	{ .name = "bdf", .type = &json_address, .offset = 0, .size = 2 },
	{ .name = "base_cap", .type = &json_address, .offset = 2, .size = 1 },
	{ .name = "msi_cap", .type = &json_address, .offset = 3, .size = 1 },
	{ .name = "features", .type = &json_address, .offset = 4, .size = 4 },
	{ .name = "reserved", .type = &json_address, .offset = 8, .size = 4 },
};

static const IommuFace amd_face = {
	.shape = { .fields = amd_fields, .n_fields = ELEMENTSOF(amd_fields), .object_bytes = IOMMU_DETAILS_BYTES },
	.type = 1,
};

static const JsonField pvu_fields[] = {
	{ .name = "tlb_base", .type = &json_address, .offset = 0, .size = 8 },
	{ .name = "tlb_size", .type = &json_size, .offset = 8, .size = 4 },
};

static const IommuFace pvu_face = {
	.shape = { .fields = pvu_fields, .n_fields = ELEMENTSOF(pvu_fields), .object_bytes = IOMMU_DETAILS_BYTES },
	.type = 4,
};

static int decode_iommu_face(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			     void *member)
{
	const IommuUnit *unit = (const IommuUnit *)((const uint8_t *)member - field->offset);
	const IommuFace *face = field->details;

	if (unit->type == face->type)
		return json_shape_decode(reader, where, &face->shape, value, member);
	json_problem(reader, where, "does not belong to a unit of this type");
	return 0;
}

static int encode_iommu_face(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const IommuUnit *unit = (const IommuUnit *)((const uint8_t *)member - field->offset);
	const IommuFace *face = field->details;
	JsonField plain = *field;

	plain.details = &face->shape;
	return unit->type == face->type ? json_struct.encode(&plain, member, fallback, ret) : 0;
}

static const JsonType json_iommu_face = { .decode = decode_iommu_face, .encode = encode_iommu_face };

static int encode_iommu_details(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const IommuUnit *unit = (const IommuUnit *)((const uint8_t *)member - field->offset);

	if (unit->type == amd_face.type || unit->type == pvu_face.type)
		return 0;
	return json_bytes.encode(field, member, fallback, ret);
}

static int decode_iommu_details(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
				void *member)
{
	return json_bytes.decode(reader, where, field, value, member);
}

static const JsonType json_iommu_details = { .decode = decode_iommu_details, .encode = encode_iommu_details };

static const JsonNames iommu_type_names = {
	.items =
		(const JsonName[]){
			{ "unused", 0 }, { "amd", 1 }, { "intel", 2 }, { "smmuv3", 3 }, { "pvu", 4 }, { "mmu500", 5 } },
	.n_items = 6,
	.open = true,
};

static const JsonField iommu_fields[] = {
	{ FIELD("type", json_enum, IommuUnit, type), .details = &iommu_type_names, .flags = FIELD_REQUIRED },
	{ FIELD("base", json_address, IommuUnit, base) },
	{ FIELD("size", json_size, IommuUnit, size) },
	{ FIELD("amd", json_iommu_face, IommuUnit, details), .details = &amd_face },
	{ FIELD("pvu", json_iommu_face, IommuUnit, details), .details = &pvu_face },
	{ FIELD("details", json_iommu_details, IommuUnit, details) },
};

static const JsonShape iommu_shape = {
	.fields = iommu_fields,
	.n_fields = ELEMENTSOF(iommu_fields),
	.object_bytes = sizeof(IommuUnit),
};

/** A JsonArray needs a pointer and a count; the slots of the struct have neither. */
typedef struct IommuList {
	IommuUnit *units;
	size_t n_units;
} IommuList;

static const JsonArray iommu_array = JSON_ARRAY(IommuList, units, n_units, iommu_shape, CONFIG_IOMMU_MAX);
static const JsonField iommu_list_field = { FIELD("iommu", json_array, IommuList, units), .details = &iommu_array };

static int decode_iommus(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			 void *member)
{
	IommuList list = { 0 };
	int r = json_array.decode(reader, where, &iommu_list_field, value, &list.units);

	(void)field;
	if (list.n_units > 0)
		memcpy(member, list.units, list.n_units * sizeof(*list.units));
	free(list.units);
	return r;
}

static int encode_iommus(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	static const IommuUnit unused;
	const IommuUnit *units = member;
	IommuList list = { .units = (IommuUnit *)units, .n_units = CONFIG_IOMMU_MAX };

	(void)field;
	while (list.n_units > 0 && units[list.n_units - 1].type == unused.type && units[list.n_units - 1].base == 0 &&
	       units[list.n_units - 1].size == 0 &&
	       memcmp(units[list.n_units - 1].details, unused.details, IOMMU_DETAILS_BYTES) == 0)
		list.n_units--;
	return json_array.encode(&iommu_list_field, &list.units, fallback, ret);
}

static const JsonType json_iommus = { .decode = decode_iommus, .encode = encode_iommus };

static const JsonNames apic_mode_names = {
	.items = (const JsonName[]){ { "auto", 0 }, { "xapic", 1 }, { "x2apic", 2 } },
	.n_items = 3,
	.open = true,
};

static const JsonField x86_fields[] = {
	{ FIELD("pm_timer_port", json_address, PlatformX86, pm_timer_port) },
	{ FIELD("apic_mode", json_enum, PlatformX86, apic_mode), .details = &apic_mode_names },
	{ FIELD("vtd_interrupt_limit", json_number, PlatformX86, vtd_interrupt_limit) },
	{ FIELD("tsc_khz", json_number, PlatformX86, tsc_khz) },
	{ FIELD("apic_khz", json_number, PlatformX86, apic_khz) },
	{ FIELD("reserved", json_number, PlatformX86, reserved) },
	{ FIELD("unused", json_bytes, PlatformX86, unused) },
};

static const JsonShape x86_shape = {
	.fields = x86_fields,
	.n_fields = ELEMENTSOF(x86_fields),
	.object_bytes = sizeof(PlatformX86),
};

static const JsonField arm_fields[] = {
	{ FIELD("maintenance_irq", json_number, PlatformArm, maintenance_irq) },
	{ FIELD("gic_version", json_number, PlatformArm, gic_version) },
	{ FIELD("gicd_base", json_address, PlatformArm, gicd_base) },
	{ FIELD("gicc_base", json_address, PlatformArm, gicc_base) },
	{ FIELD("gich_base", json_address, PlatformArm, gich_base) },
	{ FIELD("gicv_base", json_address, PlatformArm, gicv_base) },
	{ FIELD("gicr_base", json_address, PlatformArm, gicr_base) },
	{ FIELD("reserved", json_bytes, PlatformArm, reserved) },
};

static const JsonShape arm_shape = {
	.fields = arm_fields,
	.n_fields = ELEMENTSOF(arm_fields),
	.object_bytes = sizeof(PlatformArm),
};

/** platform_is_meant - the union's member @field is the one of the architecture, whose row stands before */
static bool platform_is_meant(const JsonField *field, const void *member)
{
	const SystemConfig *system = (const SystemConfig *)((const uint8_t *)member - field->offset);

	return (system->arch == CONFIG_ARCH_X86) == (field->details == &x86_shape);
}

static int decode_platform(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			   void *member)
{
	if (platform_is_meant(field, member))
		return json_struct.decode(reader, where, field, value, member);
	json_problem(reader, where, "does not belong to this architecture");
	return 0;
}

static int encode_platform(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	return platform_is_meant(field, member) ? json_struct.encode(field, member, fallback, ret) : 0;
}

static const JsonType json_platform = { .decode = decode_platform, .encode = encode_platform };

static const JsonNames system_flag_names = JSON_NAMES({ "virtual-console", SYSTEM_CONFIG_VIRTUAL_CONSOLE });

static const JsonField system_fields[] = {
	{ .name = "$schema", .type = &config_schema_link },
	{ FIELD("architecture", json_enum, SystemConfig, arch), .details = &config_arch_names, .flags = FIELD_ALWAYS },
	{ FIELD("flags", json_flags, SystemConfig, flags), .details = &system_flag_names },
	{ FIELD("hypervisor_memory", json_struct, SystemConfig, hypervisor_memory), .details = &hypervisor_memory_shape,
	  .flags = FIELD_REQUIRED },
	{ FIELD("debug_console", json_struct, SystemConfig, debug_console), .details = &config_console_shape },
	{ .name = "pci", .type = &json_struct, .details = &pci_shape },
	{ FIELD("iommu", json_iommus, SystemConfig, iommu) },
	{ FIELD("x86", json_platform, SystemConfig, x86), .details = &x86_shape },
	{ FIELD("arm", json_platform, SystemConfig, arm), .details = &arm_shape },
	{ FIELD("root_cell", json_struct, SystemConfig, root), .details = &config_root_shape, .flags = FIELD_REQUIRED },
};

const JsonShape config_system_shape = {
	.fields = system_fields,
	.n_fields = ELEMENTSOF(system_fields),
	.object_bytes = sizeof(SystemConfig),
};
