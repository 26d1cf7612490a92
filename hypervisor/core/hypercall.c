// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls: who may call what, and the short ones themselves. */
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/pool.h>
#include <hv/print.h>

/* Once on each root CPU; the first fixes the verdict for all. */
static s64 hc_disable(struct pcpu *cpu)
{
	static struct spinlock lock;
	static u32 arrived, left;
	static bool busy;
	u32 expected = 0;
	unsigned int id;

	for_each_cpu (id, &root_cell.cpus)
		expected += !pcpu_of(id)->shared.failed;

	spin_lock(&lock);
	if (!arrived) {
		/* From a positive verdict on nobody manages cells any more: the lock is not given back. */
		busy = !spin_trylock(&control_lock);
		if (!busy && root_cell.next) {
			busy = true;
			spin_unlock(&control_lock);
		}
	}
	if (!busy && arrived + 1 == expected)
		arch_stop_devices();
	WRITE_ONCE(arrived, arrived + 1);
	if (busy) {
		if (arrived == expected)
			arrived = 0;
		spin_unlock(&lock);
		return -EBUSY;
	}
	spin_unlock(&lock);

	while (READ_ONCE(arrived) < expected)
		cpu_relax();
	if (__atomic_add_fetch(&left, 1, __ATOMIC_SEQ_CST) == expected)
		print("hypervisor disabled\n");
	arch_leave(cpu);
}

static s64 hc_info(u64 type)
{
	switch (type) {
	case CELL_INFO_MEM_POOL_SIZE:
		return pool_size();
	case CELL_INFO_MEM_POOL_USED:
		return pool_used();
	case CELL_INFO_REMAP_POOL_SIZE:
		return ARCH_REMAP_PAGES;
	case CELL_INFO_REMAP_POOL_USED:
		return arch_remap_used();
	case CELL_INFO_NUM_CELLS:
		return cell_count();
	default:
		return -EINVAL;
	}
}

static s64 hc_cell_state(u64 id)
{
	const struct cell *cell = cell_find(id);
	u32 state;

	if (!cell || id >> 32)
		return -ENOENT;
	state = cell_state(cell);
	return state < CELL_STATE_MAX ? (s64)state : -EINVAL;
}

static s64 hc_comm_page(u64 id)
{
	const struct cell *cell = cell_find(id);

	if (!cell || !cell->comm || id >> 32)
		return -ENOENT;
	return arch_virt_to_phys(cell->comm) >> PAGE_SHIFT;
}

static s64 hc_console_page(u64 id)
{
	const struct cell *cell = cell_find(id);

	if (!cell || !cell->console || id >> 32)
		return -ENOENT;
	return arch_virt_to_phys(cell->console) >> PAGE_SHIFT;
}

static s64 hc_cpu_info(const struct pcpu *caller, u64 id, u64 type)
{
	const struct pcpu *cpu;
	struct cpu_set all;

	config_cpus(root_cell.config, &all);
	if (id >= MAX_CPUS || !cpu_set_has(&all, id))
		return -EINVAL;
	cpu = pcpu_of(id);
	if (caller->cell != &root_cell && cpu->cell != caller->cell)
		return -EPERM;
	if (type == CELL_CPU_INFO_STATE)
		return READ_ONCE(cpu->shared.failed) ? CELL_CPU_FAILED : CELL_CPU_RUNNING;
	if (type >= CELL_CPU_INFO_STAT_BASE && type - CELL_CPU_INFO_STAT_BASE < CELL_STAT_MAX)
		return READ_ONCE(cpu->stats[type - CELL_CPU_INFO_STAT_BASE]) & 0x7fffffff;
	return -EINVAL;
}

static s64 hc_putc(const struct pcpu *cpu, u64 c)
{
	if (!(cpu->cell->config->flags & CELL_FLAG_CONSOLE_PERMITTED))
		return -EPERM;
	print_char(cpu->cell->console, (char)c);
	return 0;
}

/* Management of cells: one at a time. A CPU that spun here could not be suspended by the one inside. */
static s64 hc_manage(u64 code, u64 arg1, u64 arg2)
{
	bool force = arg2 == CELL_HC_FORCE;
	s64 err;

	if (!spin_trylock(&control_lock))
		return -EBUSY;
	if (code != CELL_HC_CELL_CREATE && arg1 >> 32)
		err = refuse(-ENOENT, "no cell with id 0x%llx", (unsigned long long)arg1);
	else if (code == CELL_HC_CELL_CREATE)
		err = cell_create(arg1);
	else if (code == CELL_HC_CELL_START)
		err = cell_start(arg1, force);
	else if (code == CELL_HC_CELL_SET_LOADABLE)
		err = cell_set_loadable(arg1, force);
	else
		err = cell_destroy(arg1, force);
	control_wait(this_cpu()); /* carries out our own flush */
	spin_unlock(&control_lock);
	event_announce();
	return err;
}

static bool root_only(u64 code)
{
	return code <= CELL_HC_CELL_DESTROY || code == CELL_HC_CELL_STATE || code == CELL_HC_EVENT_IRQ ||
	       code == CELL_HC_COMM_PAGE || code == CELL_HC_CONSOLE_PAGE;
}

s64 hypercall(struct pcpu *cpu, u64 code, u64 arg1, u64 arg2)
{
	if (root_only(code) && cpu->cell != &root_cell)
		return -EPERM;

	switch (code) {
	case CELL_HC_DISABLE:
		return hc_disable(cpu);
	case CELL_HC_CELL_CREATE:
	case CELL_HC_CELL_START:
	case CELL_HC_CELL_SET_LOADABLE:
	case CELL_HC_CELL_DESTROY:
		return hc_manage(code, arg1, arg2);
	case CELL_HC_INFO:
		return hc_info(arg1);
	case CELL_HC_CELL_STATE:
		return hc_cell_state(arg1);
	case CELL_HC_CPU_INFO:
		return hc_cpu_info(cpu, arg1, arg2);
	case CELL_HC_PUTC:
		return hc_putc(cpu, arg1);
	case CELL_HC_EVENT_IRQ:
		event_set_irq(arg1, arg2);
		return 0;
	case CELL_HC_COMM_PAGE:
		return hc_comm_page(arg1);
	case CELL_HC_CONSOLE_PAGE:
		return hc_console_page(arg1);
	default:
		return -ENOSYS;
	}
}
