/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How configuration files look: cells with their images and policy. Parts are in config-shape-parts.c, the machine in
 * config-shape-system.c.
 */
#include "config-shape.h"
#include "json-ranges.h"

static const JsonNames restart_names = JSON_NAMES({ "no", RESTART_NO }, { "on-failure", RESTART_ON_FAILURE },
						  { "on-watchdog", RESTART_ON_WATCHDOG }, { "always", RESTART_ALWAYS });

static const JsonNames failure_action_names =
	JSON_NAMES({ "none", FAILURE_ACTION_NONE }, { "stop", FAILURE_ACTION_STOP },
		   { "fail-unit", FAILURE_ACTION_FAIL_UNIT }, { "reboot", FAILURE_ACTION_REBOOT });

static const JsonField supervision_fields[] = {
	{ FIELD("Restart", json_enum, SupervisionPolicy, restart), .details = &restart_names },
	{ FIELD("RestartUSec", json_duration, SupervisionPolicy, restart_usec) },
	{ FIELD("RestartMaxUSec", json_duration, SupervisionPolicy, restart_max_usec) },
	{ FIELD("RestartSteps", json_number, SupervisionPolicy, restart_steps) },
	{ FIELD("StartLimitIntervalUSec", json_duration, SupervisionPolicy, start_limit_interval_usec) },
	{ FIELD("StartLimitBurst", json_number, SupervisionPolicy, start_limit_burst) },
	{ FIELD("FallbackAfterFailures", json_number, SupervisionPolicy, fallback_after_failures) },
	{ FIELD("HeartbeatIntervalUSec", json_duration, SupervisionPolicy, heartbeat_interval_usec) },
	{ FIELD("HeartbeatTimeoutUSec", json_duration, SupervisionPolicy, heartbeat_timeout_usec) },
	{ FIELD("StartupTimeoutUSec", json_duration, SupervisionPolicy, startup_timeout_usec) },
	{ FIELD("ShutdownTimeoutUSec", json_duration, SupervisionPolicy, shutdown_timeout_usec) },
	{ FIELD("OnFailure", json_enum, SupervisionPolicy, on_failure), .details = &failure_action_names },
};

static const JsonShape supervision_shape = {
	.fields = supervision_fields,
	.n_fields = ELEMENTSOF(supervision_fields),
	.object_bytes = sizeof(SupervisionPolicy),
	.defaults = &supervision_policy_defaults,
};

static const JsonNames image_type_names = JSON_NAMES({ "plain", CELL_IMAGE_PLAIN }, { "linux", CELL_IMAGE_LINUX });

static const JsonField image_fields[] = {
	{ FIELD("type", json_enum, CellImage, type), .details = &image_type_names },
	{ FIELD("path", json_string, CellImage, path) },
	{ FIELD("string", json_string, CellImage, string) },
	{ FIELD("address", json_address, CellImage, address), .flags = FIELD_ALWAYS },
	{ FIELD("sha256", json_string, CellImage, sha256) },
	{ FIELD("initrd", json_string, CellImage, initrd) },
	{ FIELD("initrd_sha256", json_string, CellImage, initrd_sha256) },
	{ FIELD("loader", json_string, CellImage, loader) },
};

/** finish_digest - @key, if it is there, belongs to a file, @file */
static void finish_digest(JsonReader *reader, const JsonPath *where, const char *key, const char *digest,
			  const char *file_key, const char *file)
{
	if (digest && (strlen(digest) != 64 || strspn(digest, "0123456789abcdef") != 64))
		json_problem(reader, where, "\"%s\" must be 64 lower case hexadecimal digits", key);
	if (digest && !file)
		json_problem(reader, where, "\"%s\" belongs to a \"%s\"", key, file_key);
}

/** finish_linux - what only a guest Linux has, and what it has not */
static void finish_linux(JsonReader *reader, const JsonPath *where, const CellImage *image)
{
	if (image->type == CELL_IMAGE_LINUX && (image->string || image->address))
		json_problem(reader, where, "\"%s\" does not go with \"type\": \"linux\"",
			     image->string ? "string" : "address");
	if (image->type != CELL_IMAGE_LINUX && (image->initrd || image->loader))
		json_problem(reader, where, "\"%s\" belongs to \"type\": \"linux\"",
			     image->initrd ? "initrd" : "loader");
}

static int finish_image(JsonReader *reader, const JsonPath *where, json_object *value, void *object)
{
	const CellImage *image = object;

	(void)value;
	if (!image->path == !image->string)
		json_problem(reader, where, "an image has either a \"path\" or a \"string\"");
	finish_digest(reader, where, "sha256", image->sha256, "path", image->path);
	finish_digest(reader, where, "initrd_sha256", image->initrd_sha256, "initrd", image->initrd);
	finish_linux(reader, where, image);
	return 0;
}

static const JsonShape image_shape = {
	.fields = image_fields,
	.n_fields = ELEMENTSOF(image_fields),
	.object_bytes = sizeof(CellImage),
	.finish = finish_image,
};

static const JsonArray images_array = JSON_ARRAY(CellProgram, images, n_images, image_shape, 64);

/** default_reply_timeout - of a cell that does not say */
static uint64_t default_reply_timeout(const CellConfig *cell)
{
	return cell->flags & CELL_CONFIG_PASSIVE_COMMREG ? 0 : CONFIG_MSG_REPLY_TIMEOUT;
}

static int encode_reply_timeout(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const CellConfig *cell = (const CellConfig *)((const uint8_t *)member - field->offset);

	(void)fallback;
	return json_number.encode(field, member, &(uint64_t){ default_reply_timeout(cell) }, ret);
}

static int decode_reply_timeout(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
				void *member)
{
	return json_number.decode(reader, where, field, value, member);
}

static const JsonType json_reply_timeout = { .decode = decode_reply_timeout, .encode = encode_reply_timeout };

/** CellConfigReserved.trailer: hex string of any length */
static int decode_trailer(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			  void *member)
{
	CellConfigReserved *reserved = (CellConfigReserved *)((uint8_t *)member - field->offset);
	const char *digits = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "?";
	int r = hex_decode(digits, &reserved->trailer, &reserved->trailer_bytes);

	if (r != -EINVAL)
		return r;
	json_problem(reader, where, "expected a string of hexadecimal digits");
	return 0;
}

static int encode_trailer(const JsonField *field, const void *member, const void *fallback, json_object **ret)
{
	const CellConfigReserved *reserved = (const CellConfigReserved *)((const uint8_t *)member - field->offset);
	_cleanup_free_ char *digits = NULL;

	(void)fallback;
	if (reserved->trailer_bytes == 0)
		return 0;
	digits = hex_encode(reserved->trailer, reserved->trailer_bytes);
	*ret = digits ? json_object_new_string(digits) : NULL;
	return *ret ? 0 : -ENOMEM;
}

static const JsonType json_trailer = { .decode = decode_trailer, .encode = encode_trailer };

static const JsonField reserved_fields[] = {
	{ FIELD("header", json_bytes, CellConfigReserved, header) },
	{ FIELD("name_tail", json_bytes, CellConfigReserved, name_tail) },
	{ FIELD("trailer", json_trailer, CellConfigReserved, trailer) },
};

static const JsonShape reserved_shape = {
	.fields = reserved_fields,
	.n_fields = ELEMENTSOF(reserved_fields),
	.object_bytes = sizeof(CellConfigReserved),
};

static const JsonNames cell_flag_names =
	JSON_NAMES({ "passive-comm-region", CELL_CONFIG_PASSIVE_COMMREG }, { "test-device", CELL_CONFIG_TEST_DEVICE },
		   { "aarch32", CELL_CONFIG_AARCH32 }, { "console-permitted", CELL_CONFIG_CONSOLE_PERMITTED },
		   { "console-active", CELL_CONFIG_CONSOLE_ACTIVE });

#define CELL_ARRAY(member, count, shape) \
	(&(const JsonArray)JSON_ARRAY(CellConfig, member, count, shape, CONFIG_ARRAY_MAX))

/** What cells and the root cell have in common. */
#define CELL_RESOURCE_FIELDS                                                                               \
	{ FIELD("id", json_number, CellConfig, id) },                                                      \
		{ FIELD("flags", json_flags, CellConfig, flags), .details = &cell_flag_names },            \
		{ FIELD("cpus", json_cpu_set, CellConfig, cpus), .flags = FIELD_REQUIRED },                \
		{ FIELD("cpu_set_bytes", json_cpu_set_bytes, CellConfig, cpus) },                          \
		{ FIELD("cpu_reset_address", json_address, CellConfig, cpu_reset_address) },               \
		{ FIELD("vpci_irq_base", json_number, CellConfig, vpci_irq_base) },                        \
		{ FIELD("console", json_struct, CellConfig, console), .details = &config_console_shape },  \
		{ FIELD("memory", json_array, CellConfig, memory),                                         \
		  .details = CELL_ARRAY(memory, n_memory, config_memory_shape), .flags = FIELD_REQUIRED }, \
		{ FIELD("caches", json_array, CellConfig, caches),                                         \
		  .details = CELL_ARRAY(caches, n_caches, config_cache_shape) },                           \
		{ FIELD("irqchips", json_array, CellConfig, irqchips),                                     \
		  .details = CELL_ARRAY(irqchips, n_irqchips, config_irqchip_shape) },                     \
		{ FIELD("ports", json_array, CellConfig, ports),                                           \
		  .details = CELL_ARRAY(ports, n_ports, json_port_shape) },                                \
		{ FIELD("pci_devices", json_array, CellConfig, pci_devices),                               \
		  .details = CELL_ARRAY(pci_devices, n_pci_devices, config_pci_device_shape) },            \
		{ FIELD("pci_caps", json_array, CellConfig, pci_caps),                                     \
		  .details = CELL_ARRAY(pci_caps, n_pci_caps, config_pci_cap_shape) },                     \
		{ FIELD("stream_ids", json_array, CellConfig, stream_ids),                                 \
		  .details = CELL_ARRAY(stream_ids, n_stream_ids, config_stream_id_shape) },               \
	{                                                                                                  \
		FIELD("reserved", json_struct, CellConfig, reserved), .details = &reserved_shape           \
	}

static int ignore_value(JsonReader *reader, const JsonPath *where, const JsonField *field, json_object *value,
			void *member)
{
	(void)reader, (void)where, (void)field, (void)value, (void)member;
	return 0;
}

const JsonType config_schema_link = { .decode = ignore_value };

static const JsonField cell_fields[] = {
	{ .name = "$schema", .type = &config_schema_link },
	{ FIELD("name", json_string, CellConfig, name), .flags = FIELD_ALWAYS },
	{ FIELD("architecture", json_enum, CellConfig, arch), .details = &config_arch_names, .flags = FIELD_ALWAYS },
	CELL_RESOURCE_FIELDS,
	{ FIELD("msg_reply_timeout", json_reply_timeout, CellConfig, msg_reply_timeout) },
	{ FIELD("images", json_array, CellConfig, program.images), .details = &images_array },
	{ FIELD("command_line", json_string, CellConfig, program.command_line) },
	{ FIELD("fallback_images", json_array, CellConfig, fallback.images), .details = &images_array },
	{ FIELD("fallback_command_line", json_string, CellConfig, fallback.command_line) },
	{ FIELD("supervision", json_struct, CellConfig, supervision), .details = &supervision_shape },
};

static int finish_cell(JsonReader *reader, const JsonPath *where, json_object *value, void *object)
{
	CellConfig *cell = object;

	(void)reader, (void)where;
	if (!json_object_object_get_ex(value, "msg_reply_timeout", NULL))
		cell->msg_reply_timeout = default_reply_timeout(cell);
	return 0;
}

const JsonShape config_cell_shape = {
	.fields = cell_fields,
	.n_fields = ELEMENTSOF(cell_fields),
	.object_bytes = sizeof(CellConfig),
	.finish = finish_cell,
};

static const JsonField root_fields[] = {
	{ FIELD("name", json_string, CellConfig, name), .flags = FIELD_ALWAYS },
	CELL_RESOURCE_FIELDS,
	{ FIELD("msg_reply_timeout", json_number, CellConfig, msg_reply_timeout) },
};

const JsonShape config_root_shape = {
	.fields = root_fields,
	.n_fields = ELEMENTSOF(root_fields),
	.object_bytes = sizeof(CellConfig),
};
