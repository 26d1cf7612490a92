/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vm-poke FILE OFFSET [VALUE]: read or write 32 bits of a file that is mapped, as device registers are: one access. */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096UL

int main(int argc, char **argv)
{
	volatile uint32_t *word;
	uint64_t offset;
	char *page;
	int fd;

	if (argc < 3 || argc > 4)
		errx(EXIT_FAILURE, "usage: vm-poke FILE OFFSET [VALUE]");
	offset = strtoull(argv[2], NULL, 0);
	fd = open(argv[1], O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		err(EXIT_FAILURE, "%s", argv[1]);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(offset & ~(PAGE - 1)));
	if (page == MAP_FAILED)
		err(EXIT_FAILURE, "%s at 0x%llx", argv[1], (unsigned long long)offset);
	word = (volatile uint32_t *)(page + (offset & (PAGE - 4)));
	if (argc == 4)
		*word = (uint32_t)strtoul(argv[3], NULL, 0);
	else
		printf("0x%08x\n", *word);
	return EXIT_SUCCESS;
}
