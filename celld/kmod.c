/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel module's device /dev/jailhouse, and what sysfs has for root alone.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kmod.h"
#include "uapi/cell.h"

#define DEVICE "/dev/jailhouse"
#define LAST_ERROR "/sys/devices/jailhouse/last_error"
#define REGISTERS "/sys/devices/jailhouse/cells/%u/registers"

int kmod_open(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int do_ioctl(int fd, unsigned long request, const void *argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

int kmod_enable(int fd, const void *system_blob)
{
	return do_ioctl(fd, JAILHOUSE_ENABLE, system_blob);
}

int kmod_disable(int fd)
{
	return do_ioctl(fd, JAILHOUSE_DISABLE, NULL);
}

int kmod_cell_create(int fd, const void *blob, size_t size_bytes)
{
	struct jailhouse_cell_create create = {
		.config_address = (uintptr_t)blob,
		.config_size = (uint32_t)size_bytes,
	};

	if (size_bytes > UINT32_MAX)
		return -E2BIG;
	return do_ioctl(fd, JAILHOUSE_CELL_CREATE, &create);
}

static int fill_cell_id(struct jailhouse_cell_id *id, const char *name, const KmodConsent *consent)
{
	size_t n = strlen(name);

	if (n > JAILHOUSE_CELL_ID_NAMELEN)
		return -EINVAL;
	*id = (struct jailhouse_cell_id){ .id = JAILHOUSE_CELL_ID_UNUSED };
	memcpy(id->name, name, n);
	if (consent) {
		id->options = MIN(consent->deadline_ms, JAILHOUSE_OPT_DEADLINE_MS);
		if (consent->force)
			id->options |= JAILHOUSE_OPT_FORCE;
	}
	return 0;
}

int kmod_cell_load(int fd, const char *name, const KmodConsent *consent, const KmodImage *images, size_t n_images)
{
	_cleanup_free_ struct jailhouse_cell_load *load = calloc(1, sizeof(*load) + n_images * sizeof(load->image[0]));
	int r;

	if (!load)
		return -ENOMEM;
	r = fill_cell_id(&load->cell_id, name, consent);
	if (r < 0)
		return r;
	load->num_preload_images = (uint32_t)n_images;
	for (size_t i = 0; i < n_images; i++)
		load->image[i] = (struct jailhouse_image){
			.source_address = (uintptr_t)images[i].data,
			.size = images[i].size_bytes,
			.target_address = images[i].address,
		};
	return do_ioctl(fd, JAILHOUSE_CELL_LOAD, load);
}

int kmod_cell_start(int fd, const char *name, const KmodConsent *consent)
{
	struct jailhouse_cell_id id;
	int r = fill_cell_id(&id, name, consent);

	return r < 0 ? r : do_ioctl(fd, JAILHOUSE_CELL_START, &id);
}

int kmod_cell_destroy(int fd, const char *name, const KmodConsent *consent)
{
	struct jailhouse_cell_id id;
	int r = fill_cell_id(&id, name, consent);

	return r < 0 ? r : do_ioctl(fd, JAILHOUSE_CELL_DESTROY, &id);
}

/** read_line - the first line of an attribute in sysfs, allocated */
static int read_line(const char *path, char **ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buffer[1024], *text;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buffer, sizeof(buffer) - 1);
	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	buffer[strcspn(buffer, "\n")] = '\0';
	text = strdup(buffer);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

int kmod_last_error(char **ret)
{
	return read_line(LAST_ERROR, ret);
}

int kmod_registers(uint32_t id, char **ret)
{
	char path[sizeof(REGISTERS) + 10];

	snprintf(path, sizeof(path), REGISTERS, id);
	return read_line(path, ret);
}

static int map_page(uint64_t offset, const void **ret)
{
	_cleanup_close_ int fd = kmod_open();
	void *page;

	if (fd < 0)
		return fd;
	page = mmap(NULL, KMOD_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	if (page == MAP_FAILED)
		return -errno;
	*ret = page;
	return 0;
}

int kmod_map_comm(uint32_t id, const void **ret)
{
	return map_page((uint64_t)id * KMOD_PAGE_BYTES, ret);
}

int kmod_map_console(uint32_t id, const void **ret)
{
	return map_page(JAILHOUSE_MMAP_CONSOLE + (uint64_t)id * KMOD_PAGE_BYTES, ret);
}

void kmod_unmap_page(const void *page)
{
	if (page)
		munmap((void *)(uintptr_t)page, KMOD_PAGE_BYTES);
}
