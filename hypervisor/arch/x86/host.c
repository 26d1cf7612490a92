// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor's own address space and descriptor tables: W^X, guard pages under the stacks, the trampoline's page.
 *
 * Hypervisor memory is mapped linearly at HV_BASE; behind it a window for device registers and two pages per CPU to
 * look at any other memory and at any other registers, and some more to look at its guest's.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/print.h>
#include <hv/string.h>
#include "asm.h"
#include "block.h"
#include "host.h"
#include "pte.h"

#define DEVICE_WINDOW (HV_BASE + 0x4000000000UL)
#define TEMP_WINDOW (DEVICE_WINDOW + (u64)ARCH_REMAP_PAGES * PAGE_SIZE)
#define TEMP_DEVICE_WINDOW (TEMP_WINDOW + (u64)MAX_CPUS * PAGE_SIZE)
#define GUEST_WINDOW(id) (TEMP_DEVICE_WINDOW + (MAX_CPUS + (u64)(id)*GUEST_WINDOWS) * PAGE_SIZE)

/* Where Linux keeps them too, so that returning to it needs no far jump. */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18
#define SELECTOR_TSS 0x20

extern u8 __rodata_start[], __text_start[], __data_start[], __core_end[];

static struct paging host;
static u32 device_pages;

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
} __attribute__((packed));

/*
 * Any vector may be an interrupt, but the first few also are exceptions. (A real APIC refuses those below 16, QEMU's
 * does not.)
 */
#define VECTOR_NMI 2
#define FIRST_FREE 32

static struct gate idt[256], drain_idt[256];

struct pcpu *pcpu_of(unsigned int cpu)
{
	return (struct pcpu *)(HV_BASE + image_header.core_size + cpu * HV_BLOCK_SIZE);
}

u8 *arch_memory_base(void)
{
	return (u8 *)HV_BASE;
}

paddr_t host_memory_phys(void)
{
	return system_config->hypervisor_memory.phys_start;
}

u64 host_memory_size(void)
{
	return system_config->hypervisor_memory.size;
}

paddr_t arch_virt_to_phys(const void *virt)
{
	return (u64)virt - HV_BASE + host_memory_phys();
}

void *arch_phys_to_virt(paddr_t phys)
{
	return (void *)(phys - host_memory_phys() + HV_BASE);
}

static int map_range(const void *start, const void *end, unsigned int access)
{
	return start == end
		       ? 0
		       : paging_map(&host, (u64)start, arch_virt_to_phys(start), (u8 *)end - (u8 *)start, access, true);
}

/* Everything but the two guard pages. */
static int map_block(unsigned int id)
{
	const struct cpu_block *b = block_of(pcpu_of(id));
	const unsigned int rw = ACCESS_READ | ACCESS_WRITE;
	int err = map_range(b, b->guard0, rw);

	if (!err)
		err = map_range(b->fault_stack, b->guard1, rw);
	if (!err)
		err = map_range(b->stack, b + 1, rw);
	return err;
}

/* Tables for the pages that each CPU maps at will, so that arch_temp_map() and the others never need memory. */
static int map_temp(unsigned int id)
{
	paddr_t page = host_memory_phys();
	int err = paging_map(&host, TEMP_WINDOW + id * PAGE_SIZE, page, PAGE_SIZE, ACCESS_READ, false);

	pcpu_of(id)->arch.device_page = page;
	if (!err)
		err = paging_map(&host, TEMP_DEVICE_WINDOW + id * PAGE_SIZE, page, PAGE_SIZE, ACCESS_READ, false);
	for (unsigned int i = 0; !err && i < GUEST_WINDOWS; i++)
		err = paging_map(&host, GUEST_WINDOW(id) + i * PAGE_SIZE, page, PAGE_SIZE, ACCESS_READ, false);
	return err;
}

int host_init(void)
{
	u8 *blocks_end = (u8 *)pcpu_of(image_header.max_cpus);
	int err = paging_init(&host, &x86_page_format);

	if (!err)
		err = map_range(__rodata_start, __text_start, ACCESS_READ);
	if (!err)
		err = map_range(__text_start, __data_start, ACCESS_READ | ACCESS_EXECUTE);
	if (!err)
		err = map_range(__data_start, (u8 *)HV_BASE + image_header.core_size, ACCESS_READ | ACCESS_WRITE);
	for (unsigned int id = 0; !err && id < image_header.max_cpus; id++) {
		err = map_block(id);
		if (!err)
			err = map_temp(id);
	}
	if (!err)
		err = map_range(blocks_end, (u8 *)HV_BASE + host_memory_size(), ACCESS_READ | ACCESS_WRITE);
	if (!err)
		err = paging_map(&host, image_header.trampoline_virt & PAGE_MASK,
				 image_header.trampoline_phys & PAGE_MASK, PAGE_SIZE, ACCESS_READ | ACCESS_EXECUTE,
				 false);

	for (unsigned int vector = 0; vector < ARRAY_SIZE(idt); vector++) {
		u64 stub = (u64)exception_stubs + MIN(vector, FIRST_FREE) * 16; /* all interrupts are alike */

		idt[vector] = (struct gate){
			.offset_low = (u16)stub,
			.selector = SELECTOR_CODE,
			.ist = vector < FIRST_FREE ? 1 : 0,
			.type = 0x8e, /* present, 64-bit interrupt gate: AMD APM vol.2 4.8.4 */
			.offset_mid = (u16)(stub >> 16),
			.offset_high = (u32)(stub >> 32),
		};
	}
	memcpy(drain_idt, idt, sizeof(idt));
	for (unsigned int vector = 0; vector < FIRST_FREE; vector++)
		if (vector != VECTOR_NMI)
			drain_idt[vector] = idt[FIRST_FREE];
	return err;
}

static void load_idt(const struct gate *table)
{
	struct table_reg idtr = { sizeof(idt) - 1, (u64)table };

	asm volatile("lidt %0" : : "m"(idtr));
}

void host_expect_interrupts(bool expect)
{
	load_idt(expect ? drain_idt : idt);
}

/* AMD APM vol.2 4.8.1 (code and data descriptors), 4.8.3 (TSS descriptor). */
static void fill_gdt(struct arch_pcpu *a)
{
	u64 tss = (u64)&a->tss;

	a->gdt[SELECTOR_CODE / 8] = 0x00af9b000000ffffUL;
	a->gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffffUL;
	a->gdt[SELECTOR_TSS / 8] =
		(sizeof(a->tss) - 1) | (tss & 0xffffff) << 16 | 0x89UL << 40 | (tss >> 24 & 0xff) << 56;
	a->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
}

void host_init_cpu(struct pcpu *cpu)
{
	struct arch_pcpu *a = &cpu->arch;
	struct table_reg gdtr = { sizeof(a->gdt) - 1, (u64)a->gdt };

	fill_gdt(a);
	a->tss.ist[0] = (u64)(block_of(cpu)->fault_stack + PAGE_SIZE);
	a->tss.io_map_base = sizeof(a->tss);
	a->host_cr3 = arch_virt_to_phys(host.root);

	/* Without PGE no global entry of Linux survives; PCIDE and CET have no meaning to us. */
	cr4_write(cr4_read() & ~(CR4_PGE | CR4_CET));
	cr3_write(a->host_cr3);
	cr4_write(cr4_read() & ~CR4_PCIDE);
	cr0_write(cr0_read() | CR0_WP);
	asm volatile("lgdt %0\n\tltr %w1" : : "m"(gdtr), "r"(SELECTOR_TSS) : "memory");
	load_idt(idt);
}

void *host_map_device(paddr_t phys, u64 size)
{
	u64 offset = phys & ~PAGE_MASK, pages = PAGE_ALIGN(offset + size) / PAGE_SIZE;
	u64 virt = DEVICE_WINDOW + (u64)device_pages * PAGE_SIZE;

	if (device_pages + pages > ARCH_REMAP_PAGES || paging_map(&host, virt, phys & PAGE_MASK, pages * PAGE_SIZE,
								  ACCESS_READ | ACCESS_WRITE | ACCESS_DEVICE, false))
		return NULL;
	device_pages += pages;
	return (u8 *)virt + offset;
}

u32 arch_remap_used(void)
{
	return device_pages + (2 + GUEST_WINDOWS) * image_header.max_cpus;
}

void *arch_temp_map(paddr_t page)
{
	void *virt = (void *)(TEMP_WINDOW + (u64)this_cpu()->id * PAGE_SIZE);

	paging_map(&host, (u64)virt, page, PAGE_SIZE, ACCESS_READ | ACCESS_WRITE, false);
	tlb_flush_page(virt);
	return virt;
}

void *arch_temp_map_device(paddr_t page)
{
	struct pcpu *cpu = this_cpu();
	void *virt = (void *)(TEMP_DEVICE_WINDOW + (u64)cpu->id * PAGE_SIZE);

	if (cpu->arch.device_page != page) {
		paging_map(&host, (u64)virt, page, PAGE_SIZE, ACCESS_READ | ACCESS_WRITE | ACCESS_DEVICE, false);
		tlb_flush_page(virt);
		cpu->arch.device_page = page;
	}
	return virt;
}

const u8 *host_window(unsigned int window)
{
	return (const u8 *)GUEST_WINDOW(this_cpu()->id) + window * PAGE_SIZE;
}

void host_window_map(unsigned int window, paddr_t page)
{
	const u8 *virt = host_window(window);

	paging_map(&host, (u64)virt, page, PAGE_SIZE, ACCESS_READ, false);
	tlb_flush_page(virt);
}

/** exception_panic() - an exception in the hypervisor itself; from entry.S */
__attribute__((noreturn)) void exception_panic(u64 vector, u64 error, u64 rip, u64 rsp);

void exception_panic(u64 vector, u64 error, u64 rip, u64 rsp)
{
	panic("exception %u, error 0x%llx, RIP 0x%llx, RSP 0x%llx, CR2 0x%llx", (u32)vector, (unsigned long long)error,
	      (unsigned long long)rip, (unsigned long long)rsp, (unsigned long long)cr2_read());
}

/* The guard of the compiler's stack protector. */
__attribute__((used)) u64 __stack_chk_guard;
__attribute__((noreturn, used)) void __stack_chk_fail(void);

void __stack_chk_fail(void)
{
	panic("stack smashed, called from 0x%llx", (unsigned long long)(u64)__builtin_return_address(0));
}

void arch_stop(void)
{
	struct pcpu *cpu = this_cpu();

	WRITE_ONCE(cpu->shared.failed, 1);
	for (;;) {
		WRITE_ONCE(cpu->shared.suspended, READ_ONCE(cpu->shared.suspend));
		cpu_relax();
	}
}

u64 arch_timestamp(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}
