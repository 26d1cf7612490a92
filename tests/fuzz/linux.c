/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzes the layout of a guest Linux: whatever the kernel's header says, no part lies where the cell has no RAM that
 * can be loaded, nor over another, and what the loader looks at is there.
 *
 * Input: struct layout_input, then the kernel.
 */
#include <assert.h>

#include "config-check.h"
#include "linux-image.h"

#define LINE_MAX_BYTES 5000

struct layout_input {
	uint32_t initrd_bytes;
	uint16_t line_bytes;
} __attribute__((packed));

static CellConfig *cell;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;

	assert(cell_config_load_file(CONFIGS_DIR "/qemu-q35/examples/linux.json", &problems, &cell) == 0);
	return 0;
}

/** assert_placed - all of a part is RAM that can be loaded, not the loader's */
static void assert_placed(Range part)
{
	bool placed = false;

	assert(part.first >= LINUX_LOADER_END);
	for (size_t i = 0; i < cell->n_memory; i++)
		placed |= memory_is_linux_ram(&cell->memory[i]) && cell->memory[i].flags & MEMORY_LOADABLE &&
			  range_contains(memory_virt(&cell->memory[i]), part);
	assert(placed);
}

static void assert_layout(const LinuxImage *image, size_t kernel_bytes, uint32_t initrd_bytes, const char *line)
{
	Range kernel = range_make(image->kernel_address, kernel_bytes);
	uint64_t entry;

	memcpy(&entry, image->params + 0x230, sizeof(entry));
	assert_placed(kernel);
	assert_placed(range_make(entry, 1));
	assert(image->params_bytes == LINUX_COMMAND_LINE_ADDRESS - LINUX_PARAMS_ADDRESS + strlen(line) + 1);
	assert(memcmp(image->params + LINUX_COMMAND_LINE_ADDRESS - LINUX_PARAMS_ADDRESS, line, strlen(line) + 1) == 0);
	assert(LINUX_PARAMS_ADDRESS + image->params_bytes <= LINUX_LOADER_END);
	assert(!image->initrd_address == !initrd_bytes);
	if (initrd_bytes == 0)
		return;
	assert(image->initrd_address % PAGE_BYTES == 0);
	assert_placed(range_make(image->initrd_address, initrd_bytes));
	assert(!range_overlaps(kernel, range_make(image->initrd_address, initrd_bytes)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;
	struct layout_input in;
	LinuxImage image = { 0 };
	char line[LINE_MAX_BYTES + 1];
	int r;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	in.line_bytes %= LINE_MAX_BYTES;
	memset(line, 'x', in.line_bytes);
	line[in.line_bytes] = '\0';
	data += sizeof(in);
	size -= sizeof(in);
	r = linux_image_make(cell, data, size, in.initrd_bytes, line, &image, &text);
	assert(r == 0 || r == -ENOEXEC || r == -EFBIG);
	assert(!image.params == (r < 0) && !text == (r == 0));
	if (r == 0)
		assert_layout(&image, size, in.initrd_bytes, line);
	free(image.params);
	return 0;
}
