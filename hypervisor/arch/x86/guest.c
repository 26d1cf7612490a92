// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a guest's memory through its own page tables and its stage-2 (AMD APM vol.2 5.2, 5.3).
 *
 * The guest may change its tables at any time: nothing read here is trusted to be consistent, only bounded. Each page
 * is read through a window of this CPU that stays open: the next access mostly comes by the same tables. So a window is
 * an entry of a TLB, and is closed where the hardware's is flushed.
 */
#include <hv/arch.h>
#include <hv/string.h>
#include "asm.h"
#include "guest.h"
#include "host.h"

#define ENTRY_P (1UL << 0)
#define ENTRY_PS (1UL << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000UL

#define CODE_WINDOW (GUEST_WINDOWS - 1) /* those before it are for tables, by level */
#define WINDOW_OPEN 1

/* Guest-physical memory up to the end of its page; NULL if stage-2 has nothing there to read. */
static const void *look_at(struct pcpu *cpu, u64 gpa, unsigned int window)
{
	u64 page = (gpa & PAGE_MASK) | WINDOW_OPEN;
	struct paging_entry e;

	if (cpu->arch.windows[window] != page) {
		if (!paging_lookup(&cpu->cell->stage2, gpa, &e) || !(e.access & ACCESS_READ) ||
		    e.access & ACCESS_DEVICE)
			return NULL;
		host_window_map(window, e.address & PAGE_MASK);
		cpu->arch.windows[window] = page;
	}
	return host_window(window) + (gpa & ~PAGE_MASK);
}

void guest_forget(struct pcpu *cpu)
{
	memset(cpu->arch.windows, 0, sizeof(cpu->arch.windows));
}

/* How the guest's tables are shaped in its current mode. */
struct walk_shape {
	unsigned int levels, index_bits, entry_bytes;
};

static struct walk_shape shape_of(const struct vcpu_view *view)
{
	if (view->efer & EFER_LMA)
		return (struct walk_shape){ view->cr4 & CR4_LA57 ? 5 : 4, 9, 8 };
	if (view->cr4 & CR4_PAE)
		return (struct walk_shape){ 3, 9, 8 };
	return (struct walk_shape){ 2, 10, 4 };
}

static bool translate(struct pcpu *cpu, const struct vcpu_view *view, u64 linear, u64 *ret_gpa)
{
	struct walk_shape shape = shape_of(view);
	u64 table = view->efer & EFER_LMA || !(view->cr4 & CR4_PAE) ? view->cr3 & ENTRY_ADDRESS : view->cr3 & ~0x1fUL;

	if (!(view->cr0 & CR0_PG)) {
		*ret_gpa = linear;
		return true;
	}
	for (unsigned int level = shape.levels; level-- > 0;) {
		unsigned int shift = PAGE_SHIFT + level * shape.index_bits;
		u64 index = linear >> shift & ((1UL << shape.index_bits) - 1);
		const volatile void *slot;
		u64 entry;

		if (shape.levels == 3 && level == 2)
			index &= 3; /* page-directory-pointer table of legacy PAE */
		slot = look_at(cpu, table + index * shape.entry_bytes, level);
		if (!slot)
			return false;
		entry = shape.entry_bytes == 8 ? *(const volatile u64 *)slot : *(const volatile u32 *)slot;
		if (!(entry & ENTRY_P))
			return false;
		if (!level || (entry & ENTRY_PS && level <= 2 && (shape.levels != 2 || view->cr4 & CR4_PSE))) {
			u64 offset = (1UL << shift) - 1;

			*ret_gpa = (entry & ENTRY_ADDRESS & ~offset) | (linear & offset);
			return true;
		}
		table = entry & ENTRY_ADDRESS;
	}
	return false;
}

unsigned int guest_fetch(struct pcpu *cpu, const struct vcpu_view *view, u8 *buf, unsigned int size)
{
	u64 linear = view->long_code ? view->rip : (u32)(view->cs_base + view->rip);
	unsigned int done = 0;

	while (done < size) {
		unsigned int part = MIN(size - done, PAGE_SIZE - (linear & ~PAGE_MASK));
		const void *code = NULL;
		u64 gpa;

		if (translate(cpu, view, linear, &gpa))
			code = look_at(cpu, gpa, CODE_WINDOW);
		if (!code)
			break;
		memcpy(buf + done, code, part);
		done += part;
		linear += part;
	}
	return done;
}
