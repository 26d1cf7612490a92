/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest Linux in a cell. Offsets are those of Linux' Documentation/x86/boot.rst "The Real-Mode Kernel Header" and
 * zero-page.rst: up to the end of the header the two have the same.
 */
#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>

#include "config-check.h"
#include "linux-image.h"

enum {
	PARAM_E820_COUNT = 0x1e8,
	HEADER_START = 0x1f1,
	HEADER_SETUP_SECTORS = 0x1f1,
	HEADER_PROTECTED_UNITS = 0x1f4, /**< of 16 bytes */
	HEADER_BOOT_FLAG = 0x1fe,
	HEADER_JUMP_LENGTH = 0x201,
	HEADER_JUMP_END = 0x202,
	HEADER_MAGIC = 0x202,
	HEADER_VERSION = 0x206,
	HEADER_LOADER = 0x210,
	HEADER_LOAD_FLAGS = 0x211,
	HEADER_INITRD = 0x218,
	HEADER_INITRD_BYTES = 0x21c,
	HEADER_COMMAND_LINE = 0x228,
	HEADER_INITRD_LAST = 0x22c,
	HEADER_ALIGNMENT = 0x230, /**< the loader looks here for the kernel's address, 64 bits */
	HEADER_EXTRA_FLAGS = 0x236,
	HEADER_COMMAND_LINE_MAX = 0x238,
	HEADER_PAYLOAD = 0x248, /**< from the beginning of the protected-mode part */
	HEADER_SETUP_DATA = 0x250,
	HEADER_ADDRESS = 0x258,
	HEADER_INIT_BYTES = 0x260,
	HEADER_KNOWN_END = 0x264,
	HEADER_END_MAX = 0x290,
	PARAM_E820 = 0x2d0,
};

#define BOOT_FLAG 0xaa55
#define MAGIC "HdrS"
#define VERSION_MIN 0x020c /**< the first with the extra flags */
#define LOAD_FLAG_HIGH 0x01
#define EXTRA_FLAG_64 0x01
#define LOADER_UNDEFINED 0xff
#define SECTOR_BYTES 512
#define SETUP_SECTORS_DEFAULT 4 /**< what 0 stands for */

#define E820_BYTES 20
#define E820_MAX 128
#define E820_RAM 1
#define E820_RESERVED 2

/* The setup_data node of a cell; what is not here the loader fills in. */
enum {
	NODE_TYPE = 8,
	NODE_LENGTH = 12,
	NODE_VERSION = 16,
	NODE_COMPATIBLE = 18,
	NODE_IOAPIC = 16 + 24,
	NODE_FLAGS = 16 + 280,
	NODE_END = 16 + 284,
};

#define NODE_TYPE_CELL 6
#define IOAPIC_ADDRESS 0xfec00000U

_Static_assert(LINUX_NODE_ADDRESS + NODE_END == LINUX_COMMAND_LINE_ADDRESS, "the command line follows the node");
_Static_assert(LINUX_COMMAND_LINE_ADDRESS + LINUX_COMMAND_LINE_MAX_BYTES < LINUX_LOADER_END / 2, "BSS of the loader");

/** What we want to know of a kernel. */
typedef struct Header {
	const uint8_t *bytes;
	size_t end;	      /**< of the header */
	uint64_t setup_bytes; /**< of the file, in front of the protected-mode part */
	uint64_t address;     /**< of that part */
	uint64_t init_bytes;  /**< from there it must be free to unpack itself */
} Header;

static uint16_t get_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t get_u32(const uint8_t *bytes)
{
	return get_u16(bytes) | (uint32_t)get_u16(bytes + 2) << 16;
}

static uint64_t get_u64(const uint8_t *bytes)
{
	return get_u32(bytes) | (uint64_t)get_u32(bytes + 4) << 32;
}

static void put_u16(uint8_t *bytes, uint16_t value)
{
	memcpy(bytes, &(uint16_t){ htole16(value) }, sizeof(value));
}

static void put_u32(uint8_t *bytes, uint32_t value)
{
	memcpy(bytes, &(uint32_t){ htole32(value) }, sizeof(value));
}

static void put_u64(uint8_t *bytes, uint64_t value)
{
	memcpy(bytes, &(uint64_t){ htole64(value) }, sizeof(value));
}

_printf_(3, 4) static int refuse(char **ret_text, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_text, format, args) < 0)
		*ret_text = NULL;
	va_end(args);
	return error;
}

/** read_header - a kernel that can be entered at its 64-bit entry point, or no kernel at all */
static int read_header(const uint8_t *kernel, size_t size, Header *ret, char **ret_text)
{
	Header header = { .bytes = kernel };
	unsigned sectors;

	if (size < HEADER_KNOWN_END || get_u16(kernel + HEADER_BOOT_FLAG) != BOOT_FLAG ||
	    memcmp(kernel + HEADER_MAGIC, MAGIC, strlen(MAGIC)) != 0)
		return refuse(ret_text, -ENOEXEC, "not a bzImage");
	header.end = HEADER_JUMP_END + kernel[HEADER_JUMP_LENGTH];
	if (get_u16(kernel + HEADER_VERSION) < VERSION_MIN || header.end < HEADER_KNOWN_END)
		return refuse(ret_text, -ENOEXEC, "speaks boot protocol %u.%u, the least is %u.%u",
			      kernel[HEADER_VERSION + 1], kernel[HEADER_VERSION], VERSION_MIN >> 8, VERSION_MIN & 0xff);
	if (!(kernel[HEADER_LOAD_FLAGS] & LOAD_FLAG_HIGH) || !(get_u16(kernel + HEADER_EXTRA_FLAGS) & EXTRA_FLAG_64))
		return refuse(ret_text, -ENOEXEC, "has no 64-bit entry point");
	sectors = kernel[HEADER_SETUP_SECTORS] ?: SETUP_SECTORS_DEFAULT;
	header.setup_bytes = (sectors + 1ULL) * SECTOR_BYTES;
	if (size <= header.setup_bytes || header.end > header.setup_bytes ||
	    size - header.setup_bytes < get_u32(kernel + HEADER_PROTECTED_UNITS) * 16ULL)
		return refuse(ret_text, -ENOEXEC, "is cut off");
	header.end = MIN(header.end, (size_t)HEADER_END_MAX);
	header.address = get_u64(kernel + HEADER_ADDRESS);
	header.init_bytes = get_u32(kernel + HEADER_INIT_BYTES);
	*ret = header;
	return 0;
}

/** room_for - of RAM that can be loaded, from @address to the end of its region */
static uint64_t room_for(const CellConfig *config, uint64_t address)
{
	for (size_t i = 0; i < config->n_memory; i++) {
		const MemoryRegion *region = &config->memory[i];

		if (memory_is_linux_ram(region) && region->flags & MEMORY_LOADABLE &&
		    range_contains(memory_virt(region), (Range){ address, address }))
			return memory_virt(region).last - address + 1;
	}
	return 0;
}

static int check_room(const CellConfig *config, const char *what, uint64_t address, uint64_t bytes, char **ret_text)
{
	uint64_t room = room_for(config, address);

	if (bytes <= room)
		return 0;
	if (room == 0)
		return refuse(ret_text, -EFBIG, "%s belongs to 0x%" PRIx64 ", which is no RAM that can be loaded", what,
			      address);
	return refuse(ret_text, -EFBIG, "%s needs %" PRIu64 " bytes at 0x%" PRIx64 ", where the cell has %" PRIu64,
		      what, bytes, address, room);
}

static int place_kernel(const CellConfig *config, const Header *header, size_t size, uint64_t *ret, char **ret_text)
{
	uint64_t address = header->address - header->setup_bytes;
	int r;

	if (header->address < LINUX_LOADER_END + header->setup_bytes || header->address > UINT32_MAX)
		return refuse(ret_text, -ENOEXEC, "wants to be at 0x%" PRIx64, header->address);
	r = check_room(config, "it", address, size, ret_text);
	if (r < 0)
		return r;
	r = check_room(config, "to unpack itself it", header->address, header->init_bytes, ret_text);
	if (r < 0)
		return r;
	*ret = address;
	return 0;
}

/** unpack_factor - how much larger than its file a kernel may get, by what it is compressed with */
static unsigned unpack_factor(const Header *header, size_t size)
{
	static const struct {
		const char *magic;
		unsigned factor;
	} kinds[] = {
		{ "\x1f\x8b", 7 },	   /* gzip */
		{ "BZh", 4 },		   /* bzip2 */
		{ "\x5d", 8 },		   /* lzma */
		{ "\x89LZO", 6 },	   /* lzo */
		{ "\x02\x21\x4c\x18", 6 }, /* lz4 */
	};
	uint64_t offset = header->setup_bytes + get_u32(header->bytes + HEADER_PAYLOAD);

	for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
		size_t n = strlen(kinds[i].magic);

		if (offset + n <= size && memcmp(header->bytes + offset, kinds[i].magic, n) == 0)
			return kinds[i].factor;
	}
	return 9;
}

static uint64_t page_align(uint64_t address)
{
	return (address + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/** place_initrd - behind all that the kernel may need before it knows its memory */
static int place_initrd(const CellConfig *config, const Header *header, size_t kernel_bytes, uint64_t kernel_address,
			uint64_t bytes, uint64_t *ret, char **ret_text)
{
	uint64_t address = MAX(kernel_address + (uint64_t)unpack_factor(header, kernel_bytes) * kernel_bytes,
			       header->address + header->init_bytes);
	uint64_t last = get_u32(header->bytes + HEADER_INITRD_LAST);
	int r;

	address = page_align(address);
	r = check_room(config, "its initrd", address, bytes, ret_text);
	if (r < 0)
		return r;
	if (address + bytes - 1 > last)
		return refuse(ret_text, -EFBIG,
			      "its initrd would end at 0x%" PRIx64 ", it takes none beyond 0x%" PRIx64,
			      address + bytes - 1, last);
	*ret = address;
	return 0;
}

static int check_command_line(const Header *header, const char *command_line, char **ret_text)
{
	size_t max = MIN(get_u32(header->bytes + HEADER_COMMAND_LINE_MAX), (uint32_t)LINUX_COMMAND_LINE_MAX_BYTES);

	if (strlen(command_line) > max)
		return refuse(ret_text, -EFBIG, "takes %zu bytes of command line, not %zu", max, strlen(command_line));
	return 0;
}

static int write_memory_map(const CellConfig *config, uint8_t *params, char **ret_text)
{
	unsigned n = 0;

	for (size_t i = 0; i < config->n_memory; i++) {
		const MemoryRegion *region = &config->memory[i];
		bool ram = memory_is_linux_ram(region);
		uint8_t *entry = params + PARAM_E820 + (size_t)n * E820_BYTES;

		if (!ram && !(region->flags & MEMORY_COMM_REGION))
			continue;
		if (n == E820_MAX)
			return refuse(ret_text, -EFBIG, "takes %u regions of RAM, the cell has more", E820_MAX);
		put_u64(entry, region->virt_start);
		put_u64(entry + 8, region->size);
		put_u32(entry + 16, ram ? E820_RAM : E820_RESERVED);
		n++;
	}
	params[PARAM_E820_COUNT] = (uint8_t)n;
	return 0;
}

/** serial_ports - bit n: the cell has exactly the n-th of the standard ports */
static uint32_t serial_ports(const CellConfig *config)
{
	static const uint16_t bases[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	uint32_t ports = 0;

	for (size_t i = 0; i < config->n_ports; i++)
		for (unsigned n = 0; n < ELEMENTSOF(bases); n++)
			if (config->ports[i].base == bases[n] && config->ports[i].length == 8)
				ports |= 1U << n;
	return ports;
}

static void write_node(const CellConfig *config, uint8_t *node)
{
	put_u32(node + NODE_TYPE, NODE_TYPE_CELL);
	put_u32(node + NODE_LENGTH, NODE_END - NODE_VERSION);
	put_u16(node + NODE_VERSION, 2);
	put_u16(node + NODE_COMPATIBLE, 1);
	for (size_t i = 0; i < config->n_irqchips; i++)
		if (config->irqchips[i].address == IOAPIC_ADDRESS)
			node[NODE_IOAPIC] = 1;
	put_u32(node + NODE_FLAGS, serial_ports(config));
}

static void write_header(const Header *header, uint64_t initrd, uint64_t initrd_bytes, uint8_t *params)
{
	memcpy(params + HEADER_START, header->bytes + HEADER_START, header->end - HEADER_START);
	params[HEADER_LOADER] = LOADER_UNDEFINED;
	put_u32(params + HEADER_INITRD, (uint32_t)initrd);
	put_u32(params + HEADER_INITRD_BYTES, (uint32_t)initrd_bytes);
	put_u32(params + HEADER_COMMAND_LINE, LINUX_COMMAND_LINE_ADDRESS);
	put_u64(params + HEADER_ALIGNMENT, header->address);
	put_u64(params + HEADER_SETUP_DATA, LINUX_NODE_ADDRESS);
}

int linux_image_make(const CellConfig *config, const uint8_t *kernel, size_t kernel_bytes, uint64_t initrd_bytes,
		     const char *command_line, LinuxImage *ret, char **ret_text)
{
	size_t line_bytes = strlen(command_line ?: "") + 1;
	_cleanup_free_ uint8_t *params = NULL;
	LinuxImage image = { .params_bytes = LINUX_COMMAND_LINE_ADDRESS - LINUX_PARAMS_ADDRESS + line_bytes };
	Header header = { 0 };
	int r;

	r = read_header(kernel, kernel_bytes, &header, ret_text);
	if (r >= 0)
		r = check_command_line(&header, command_line ?: "", ret_text);
	if (r >= 0)
		r = place_kernel(config, &header, kernel_bytes, &image.kernel_address, ret_text);
	if (r >= 0 && initrd_bytes > 0)
		r = place_initrd(config, &header, kernel_bytes, image.kernel_address, initrd_bytes,
				 &image.initrd_address, ret_text);
	if (r < 0)
		return r;

	params = calloc(1, image.params_bytes);
	if (!params)
		return -ENOMEM;
	write_header(&header, image.initrd_address, initrd_bytes, params);
	write_node(config, params + LINUX_NODE_ADDRESS - LINUX_PARAMS_ADDRESS);
	memcpy(params + LINUX_COMMAND_LINE_ADDRESS - LINUX_PARAMS_ADDRESS, command_line ?: "", line_bytes);
	r = write_memory_map(config, params, ret_text);
	if (r < 0)
		return r;
	image.params = TAKE_PTR(params);
	*ret = image;
	return 0;
}
