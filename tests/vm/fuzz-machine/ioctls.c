/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls the kernel module at random, for some time: cells from blobs that were changed, and all other ioctls with any
 * arguments; and hypercalls from user space. TAP on the output.
 *
 *	ioctls SECONDS SEED BLOB...
 *
 * Left out is what would disable the hypervisor, and what root may do to itself: a changed blob does not ask for
 *devices of Linux, for its ports, or for memory but that which is set aside for cells (Linux' own RAM is asked for, and
 *must be refused). Behind each cell the hypervisor must have the same pages in use as before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cell.h"
#include "config.h"

#define PAGES_FILE "/sys/devices/jailhouse/mem_pool_used"
#define BLOB_BYTES 0x12000
#define MAX_BLOBS 8
#define MAX_IMAGES 3
#define RESERVED_START 0x3a600000UL
#define RESERVED_BYTES 0x4c00000UL
#define DEVICES_START 0x60000000UL
#define OWN_PORT 0x3e8
#define PAGE 4096UL

static struct {
	unsigned char bytes[BLOB_BYTES];
	size_t size;
} blobs[MAX_BLOBS], blob;

static int n_blobs, device;
static uint64_t state;
static unsigned created, refused, bad;

static uint64_t any(void)
{
	/* Marsaglia's xorshift64*. */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dUL;
}

static uint64_t below(uint64_t n)
{
	return (any() >> 8) % n;
}

static uint64_t any_value(void)
{
	switch (below(5)) {
	case 0:
		return below(16);
	case 1:
		return 1UL << below(64);
	case 2:
		return ~(1UL << below(64));
	case 3:
		return RESERVED_START + below(RESERVED_BYTES);
	default:
		return any();
	}
}

__attribute__((noreturn)) static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void fail(uint64_t seed, const char *what, int result)
{
	printf("# seed %" PRIu64 ": %s (%d)\n", seed, what, result);
	bad++;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int pages_used(void)
{
	FILE *f = fopen(PAGES_FILE, "re");
	int n;

	if (!f || fscanf(f, "%d", &n) != 1)
		die(PAGES_FILE);
	fclose(f);
	return n;
}

/* --- blobs --- */

static struct cell_config *config(void)
{
	return (struct cell_config *)blob.bytes;
}

static void change(void)
{
	size_t at = below(blob.size), header = sizeof(struct cell_config), n = below(32);
	uint64_t value = any_value();

	switch (below(6)) {
	case 0:
		blob.bytes[at] ^= (unsigned char)(1 << below(8));
		break;
	case 1:
		blob.bytes[at] = (unsigned char)value;
		break;
	case 2: /* a count of the header */
		memcpy(blob.bytes + 0x2c + 4 * below(9), &value, below(4) ? 1 : 4);
		break;
	case 3: /* a field behind it */
		at = (header + below(blob.size - header)) & ~3UL;
		memcpy(blob.bytes + at, &value, below(2) ? 4 : 8);
		break;
	case 4:
		memmove(blob.bytes + at, blob.bytes + below(blob.size), n);
		break;
	default:
		blob.size = below(4) ? blob.size + below(64) : below(BLOB_BYTES - 64);
		break;
	}
	if (blob.size < header)
		blob.size = header;
	if (blob.size > BLOB_BYTES - 64)
		blob.size = BLOB_BYTES - 64;
}

/* All arrays lie within what there is of the blob; otherwise it is refused before anything is looked at. */
static bool is_whole(void)
{
	return config()->cpu_set_size <= CELL_CPU_SET_MAX_BYTES && cell_config_size(config()) <= blob.size;
}

static void spare_memory(struct cell_memory *m)
{
	if (m->phys_start < DEVICES_START && m->phys_start + m->size <= DEVICES_START &&
	    m->phys_start + m->size >= m->phys_start)
		return;
	m->phys_start = RESERVED_START + (m->phys_start & 0x3ffffff);
	if (m->size > RESERVED_BYTES)
		m->size &= 0xfffff;
}

/* More ports than there are is refused, so that may stay. */
static void spare_ports(struct cell_pio *p)
{
	if ((uint32_t)p->base + p->length > 0x10000)
		return;
	p->base = (uint16_t)(OWN_PORT + (p->base & 7));
	p->length = (uint16_t)(p->length % (8U - (p->base & 7U) + 1U));
}

static void spare_root(void)
{
	unsigned char *cpus = blob.bytes + sizeof(struct cell_config);

	if (!is_whole())
		return;
	for (uint32_t i = 0; i < config()->num_memory_regions; i++)
		spare_memory((struct cell_memory *)(blob.bytes + cell_config_memory_offset(config())) + i);
	for (uint32_t i = 0; i < config()->num_pio_regions; i++)
		spare_ports((struct cell_pio *)(blob.bytes + cell_config_pio_offset(config())) + i);
	/* Linux would have to stop on a CPU each time, which takes long; seldom is enough. */
	if (config()->cpu_set_size && below(64))
		cpus[0] &= (unsigned char)~2;
}

static int create(void)
{
	struct jailhouse_cell_create arg = { .config_address = (uintptr_t)blob.bytes,
					     .config_size = (uint32_t)blob.size };

	return ioctl(device, JAILHOUSE_CELL_CREATE, &arg) < 0 ? -errno : 0;
}

static void name_cell(struct jailhouse_cell_id *id)
{
	*id = (struct jailhouse_cell_id){ .id = JAILHOUSE_CELL_ID_UNUSED, .options = JAILHOUSE_OPT_FORCE | 1 };
	memcpy(id->name, config()->name, JAILHOUSE_CELL_ID_NAMELEN);
}

/* Images that may, or may not, fit. */
static void load(void)
{
	static unsigned char source[0x4000];
	static uint64_t arg[(sizeof(struct jailhouse_cell_load) + MAX_IMAGES * sizeof(struct jailhouse_image)) / 8];
	struct jailhouse_cell_load *request = (void *)arg;

	request->num_preload_images = (uint32_t)below(MAX_IMAGES + 1);
	name_cell(&request->cell_id);
	for (int i = 0; i < MAX_IMAGES; i++)
		request->image[i] = (struct jailhouse_image){
			.source_address = below(8) ? (uintptr_t)source : any_value(),
			.size = below(2) ? below(sizeof(source)) : any_value(),
			.target_address = below(2) ? below(0x200000) : any_value(),
		};
	ioctl(device, JAILHOUSE_CELL_LOAD, request);
}

/* A cell of a changed blob is used a little, then destroyed. */
static void try_blob(uint64_t seed)
{
	int before = pages_used(), r;
	struct jailhouse_cell_id id;

	blob = blobs[below((uint64_t)n_blobs)];
	for (uint64_t n = below(8); n > 0; n--)
		change();
	spare_root();
	r = create();
	if (r == 0) {
		created++;
		name_cell(&id);
		if (below(2))
			load();
		if (below(2))
			ioctl(device, JAILHOUSE_CELL_START, &id);
		if (below(4) == 0)
			load();
		r = ioctl(device, JAILHOUSE_CELL_DESTROY, &id) < 0 ? -errno : 0;
		if (r < 0)
			fail(seed, "the cell cannot be destroyed", r);
	} else {
		refused++;
	}
	if (pages_used() != before)
		fail(seed, "pages are lost", pages_used() - before);
}

/* --- other calls --- */

static unsigned long any_request(void)
{
	static const unsigned long requests[] = { JAILHOUSE_ENABLE, JAILHOUSE_CELL_CREATE, JAILHOUSE_CELL_LOAD,
						  JAILHOUSE_CELL_START, JAILHOUSE_CELL_DESTROY };
	unsigned long request = below(4) ? requests[below(5)] : any();

	return (request & 0xffffffff) == JAILHOUSE_DISABLE ? JAILHOUSE_ENABLE : request;
}

/* Arguments that end where memory ends, that are none, or that name no cell: numbers of cells that are there are small.
 */
static void call_module(void)
{
	static unsigned char *end;
	unsigned char *arg;

	if (!end) {
		end = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (end == MAP_FAILED || mprotect(end + PAGE, PAGE, PROT_NONE) < 0)
			die("memory");
		end += PAGE;
	}
	arg = end - below(64);
	for (unsigned char *p = end - 64; p < end; p++)
		*p = (unsigned char)any();
	if (arg <= end - 4)
		*(uint32_t *)arg |= 0x100;
	ioctl(device, any_request(), below(4) ? arg : (void *)any_value());
}

static void map_pages(void)
{
	off_t offset = (off_t)((below(2) ? below(8) : any_value()) * PAGE | (below(2) ? JAILHOUSE_MMAP_CONSOLE : 0));
	size_t bytes = below(4) ? PAGE : (below(16) + 1) * PAGE;
	int protection = below(4) ? PROT_READ : PROT_READ | PROT_WRITE;
	volatile unsigned char *p = mmap(NULL, bytes, protection, below(4) ? MAP_SHARED : MAP_PRIVATE, device, offset);

	if (p == MAP_FAILED)
		return;
	(void)p[below(PAGE)];
	munmap((void *)p, bytes);
}

/* No user may call the hypervisor: AMD APM vol.3, VMMCALL. */
static void call_hypervisor(uint64_t seed)
{
	uint64_t number = below(2) ? below(16) : any_value();
	long result = (long)number;

	__asm__ volatile("vmmcall" : "+a"(result) : "D"(any_value()), "S"(any_value()) : "memory");
	if (result != -EPERM)
		fail(seed, "a hypercall of a user's program", (int)result);
}

static void try_one(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15UL + 1;
	switch (below(4)) {
	case 0:
		call_module();
		break;
	case 1:
		map_pages();
		break;
	case 2:
		call_hypervisor(seed);
		break;
	default:
		try_blob(seed);
		break;
	}
}

static void read_blob(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, blobs[n_blobs].bytes, BLOB_BYTES - 64);

	if (n < (ssize_t)sizeof(struct cell_config))
		die(path);
	blobs[n_blobs++].size = (size_t)n;
	close(fd);
}

int main(int argc, char **argv)
{
	uint64_t first, seed;
	double end;

	if (argc < 4 || argc > 3 + MAX_BLOBS) {
		fprintf(stderr, "usage: ioctls SECONDS SEED BLOB...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 3; i < argc; i++)
		read_blob(argv[i]);
	device = open("/dev/jailhouse", O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/jailhouse");
	end = seconds() + strtod(argv[1], NULL);
	first = strtoull(argv[2], NULL, 10);
	for (seed = first; seconds() < end; seed++)
		try_one(seed);
	printf("# of blobs %u became cells, %u were refused\n", created, refused);
	printf("%s - calls of the kernel module, seeds %" PRIu64 " to %" PRIu64 "\n", bad ? "not ok" : "ok", first,
	       seed - 1);
	printf("%s - some blobs become cells, some do not\n", created && refused ? "ok" : "not ok");
	return bad || !created || !refused;
}
