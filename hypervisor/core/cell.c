// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life cycle of a cell: create, set loadable, start, destroy; each reads, judges, then acts.
 *
 * All of it runs on one root CPU under control_lock. Whatever may fail comes before the first change that another CPU
 * can see; from control_suspend() on nothing fails.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/ivshmem.h>
#include <hv/memory.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/print.h>
#include <hv/string.h>

struct cell root_cell;

int config_cpus(const struct cell_config *config, struct cpu_set *ret_set)
{
	const u8 *bytes = (const u8 *)(config + 1);

	*ret_set = (struct cpu_set){ 0 };
	for (u32 i = 0; i < config->cpu_set_size * 8; i++) {
		if (!(bytes[i / 8] >> (i % 8) & 1))
			continue;
		if (i >= MAX_CPUS)
			return -EINVAL;
		cpu_set_add(ret_set, i);
	}
	return 0;
}

unsigned int cpu_set_weight(const struct cpu_set *set)
{
	unsigned int cpu, n = 0;

	for_each_cpu (cpu, set)
		n++;
	return n;
}

struct cell *cell_find(u32 id)
{
	struct cell *cell;

	for_each_cell (cell)
		if (cell->id == id)
			return cell;
	return NULL;
}

u32 cell_state(const struct cell *cell)
{
	return cell->comm ? cell->comm->state : CELL_STATE_RUNNING;
}

u32 cell_set_state(struct cell *cell, u32 state)
{
	return __atomic_exchange_n(&cell->comm->state, state, __ATOMIC_SEQ_CST);
}

static int init_tables(struct cell *cell)
{
	const struct paging_format *dma = arch_dma_format();
	int err = paging_init(&cell->stage2, &arch_stage2_format);

	return err || !dma ? err : paging_init(&cell->dma, dma);
}

int cell_init_root(void)
{
	int err;

	root_cell.config = &system_config->root_cell;
	root_cell.id = CELL_ROOT_ID;
	memcpy(root_cell.name, root_cell.config->name, sizeof(root_cell.name));
	root_cell.name[CELL_NAME_BYTES - 1] = '\0';
	err = config_cpus(root_cell.config, &root_cell.cpus);
	if (!err)
		err = memory_check_root();
	if (!err)
		err = init_tables(&root_cell);
	if (!err)
		err = mmio_init(&root_cell);
	if (!err)
		err = memory_map_regions(&root_cell);
	if (!err)
		err = arch_cell_init(&root_cell);
	return err;
}

/* Another cell asked that the configuration stays as it is. */
static int check_not_locked(const struct cell *except)
{
	const struct cell *cell;

	for_each_cell (cell)
		if (cell != except && cell_state(cell) == CELL_STATE_RUNNING_LOCKED)
			return refuse(-EPERM, "cell %s is running and locked the configuration", cell->name);
	return 0;
}

static bool cell_is_terminal(const struct cell *cell)
{
	u32 state = cell_state(cell);

	return state == CELL_STATE_SHUT_DOWN || state == CELL_STATE_FAILED || state == CELL_STATE_ABI_MISMATCH;
}

static void post_message(struct cell *cell, u32 message)
{
	cell->comm->reply = CELL_REPLY_NONE;
	memory_barrier();
	cell->comm->message = message;
}

/* May the cell be stopped now? 0, -EAGAIN: asked and not answered yet, -EPERM: it refuses. Never waits. */
static int cell_consent(struct cell *cell, bool force)
{
	u32 reply = cell->comm->reply;

	if (force || cell->config->flags & CELL_FLAG_PASSIVE_COMMREG || cell_is_terminal(cell)) {
		cell->asked = false;
		return 0;
	}
	/* An answer to "reconfigured" that came late may have wiped out our request: ask again. */
	if (!cell->asked || reply == CELL_REPLY_RECEIVED) {
		cell->asked = true;
		post_message(cell, CELL_MSG_SHUTDOWN_REQUEST);
		return -EAGAIN;
	}
	if (reply == CELL_REPLY_NONE)
		return -EAGAIN;
	cell->asked = false;
	return reply == CELL_REPLY_APPROVED ? 0 : refuse(-EPERM, "cell %s refuses to shut down", cell->name);
}

static void tell_reconfigured(void)
{
	struct cell *cell;

	for_each_cell (cell)
		if (cell != &root_cell && !cell->asked && !(cell->config->flags & CELL_FLAG_PASSIVE_COMMREG))
			post_message(cell, CELL_MSG_RECONFIGURED);
}

/* Signature and contents: root may write all of it but what the hypervisor owns, and a cell may write all. */
static void fill_comm(struct cell *cell)
{
	const struct cell_config *config = cell->config;
	struct cell_comm *comm = cell->comm;

	memset(comm, 0, PAGE_SIZE);
	memcpy(comm->signature, CELL_COMM_SIGNATURE, CELL_COMM_SIGNATURE_BYTES);
	comm->revision = CELL_COMM_REVISION;
	comm->state = CELL_STATE_RUNNING;
	if (config->flags & CELL_FLAG_CONSOLE_PERMITTED)
		comm->flags |= CELL_COMM_CONSOLE_PERMITTED;
	if (config->flags & CELL_FLAG_CONSOLE_ACTIVE)
		comm->flags |= CELL_COMM_CONSOLE_ACTIVE;
	comm->console = config->console;
	comm->mmconfig_base = system_config->mmconfig_base;
	arch_cell_fill_comm(cell, comm);
}

/* Tell the suspended CPUs of a cell what to do on resume. */
static void order_cpus(struct cell *cell, bool start)
{
	unsigned int id;

	cell->failed_cpus = 0;
	for_each_cpu (id, &cell->cpus) {
		struct pcpu *cpu = pcpu_of(id);

		cpu->shared.failed = 0;
		cpu->shared.flush = 1;
		cpu->shared.park = !start;
		cpu->shared.start = start;
	}
}

/* No device and no line of the cell interrupts or accesses memory. Its CPUs are suspended. */
static void reset_devices(const struct cell *cell)
{
	pci_reset(cell);
	arch_cell_reset(cell);
}

/* Root's tables changed: no root CPU, this one too, and no device of root's must use what it cached. */
static void flush_root(void)
{
	unsigned int id;

	arch_dma_flush(&root_cell);
	for_each_cpu (id, &root_cell.cpus)
		pcpu_of(id)->shared.flush = 1;
}

static void move_cpus(struct cpu_set *cpus, struct cell *from, struct cell *to)
{
	unsigned int id;

	for_each_cpu (id, cpus) {
		struct pcpu *cpu = pcpu_of(id);

		cpu_set_remove(&from->cpus, id);
		cpu_set_add(&to->cpus, id);
		cpu->cell = to;
		memset(cpu->stats, 0, sizeof(cpu->stats));
	}
}

/* --- create --- */

static int check_identity(const struct cell *new)
{
	const struct cell *cell;

	for_each_cell (cell)
		if (cell->id == new->id || name_equal(cell->name, new->name))
			return refuse(-EEXIST, "cell %s (id %u): there is a cell %s (id %u)", new->name, new->id,
				      cell->name, cell->id);
	return 0;
}

/* Our own copy of the configuration, with counts that fit its size. */
static int read_config(struct cell *cell, paddr_t address)
{
	struct cell_config header, *config;
	u64 size;
	int err = memory_read_root(address, &header, sizeof(header));

	if (err)
		return refuse(err, "configuration at 0x%llx is not in root's memory", (unsigned long long)address);
	header.name[CELL_NAME_BYTES - 1] = '\0';
	memcpy(cell->name, header.name, sizeof(cell->name));
	cell->id = header.id;
	err = check_identity(cell);
	if (err)
		return err;
	size = cell_config_size(&header);
	if ((address & ~PAGE_MASK) + size > CELL_CONFIG_MAX_BYTES)
		return refuse(-E2BIG, "configuration of %llu bytes", (unsigned long long)size);
	if (header.cpu_set_size > CELL_CPU_SET_MAX_BYTES)
		return refuse(-EINVAL, "CPU set of %u bytes", header.cpu_set_size);
	config = pool_alloc(PAGE_ALIGN(size) / PAGE_SIZE);
	if (!config)
		return refuse(-ENOMEM, "no pages left for the configuration");
	cell->config = config;
	cell->config_pages = PAGE_ALIGN(size) / PAGE_SIZE;
	err = memory_read_root(address, config, size);
	if (err)
		return refuse(err, "configuration at 0x%llx is not in root's memory", (unsigned long long)address);
	/* Root's other CPUs run: use the header that was judged, not the one that may have changed since. */
	memcpy(config, &header, sizeof(header));
	return 0;
}

static int check_cpus(struct cell *cell)
{
	unsigned int id;

	if (config_cpus(cell->config, &cell->cpus))
		return refuse(-EBUSY, "cell %s: a CPU beyond %u is not root's", cell->name, MAX_CPUS - 1);
	if (!cpu_set_weight(&cell->cpus))
		return refuse(-EINVAL, "cell %s: no CPUs", cell->name);
	for_each_cpu (id, &cell->cpus) {
		if (id == this_cpu()->id)
			return refuse(-EBUSY, "cell %s: CPU %u makes this call", cell->name, id);
		if (!cpu_set_has(&root_cell.cpus, id))
			return refuse(-EBUSY, "cell %s: CPU %u is not root's", cell->name, id);
	}
	return 0;
}

/* Undo memory_split_root(). Root's CPUs may still know of the tables that are freed. */
static void unsplit_root(const struct cell *cell)
{
	control_suspend(&root_cell);
	memory_merge_root(cell);
	flush_root();
	control_resume(&root_cell);
}

/* A page that root is going to see, and the tables for that. NULL: refused. */
static void *prepare_page(const struct cell *cell, const char *what)
{
	void *page = pool_alloc(1);

	if (page && !paging_split(&root_cell.stage2, arch_virt_to_phys(page), PAGE_SIZE))
		return page;
	pool_free(page, 1);
	refuse(-ENOMEM, "cell %s: no page left for the %s", cell->name, what);
	return NULL;
}

static int prepare_pages(struct cell *cell)
{
	cell->comm = prepare_page(cell, "communication page");
	if (!cell->comm)
		return -ENOMEM;
	cell->comm->state = CELL_STATE_SHUT_DOWN;
	if (!(cell->config->flags & CELL_FLAG_CONSOLE_PERMITTED))
		return 0;
	cell->console = prepare_page(cell, "console");
	if (!cell->console)
		return -ENOMEM;
	cell->console->created = arch_timestamp() ?: 1;
	return 0;
}

/* All memory and tables that the cell will ever need. */
static int prepare(struct cell *cell)
{
	int err = prepare_pages(cell);

	if (err)
		return err;
	if (init_tables(cell))
		return refuse(-ENOMEM, "cell %s: no page left for page tables", cell->name);
	err = mmio_init(cell);
	if (!err)
		err = memory_map_regions(cell);
	if (!err)
		err = arch_cell_init(cell);
	if (!err)
		err = pci_init_cell(cell);
	if (err)
		return err;
	err = memory_split_root(cell);
	if (err)
		unsplit_root(cell);
	return err;
}

static void show_page(const void *virt, bool show)
{
	paddr_t page = arch_virt_to_phys(virt);

	paging_map(&root_cell.stage2, page, show ? page : arch_zero_page(), PAGE_SIZE, ACCESS_READ, false);
}

/* Root sees the communication page and the console of a cell, read-only, instead of zeros. */
static void show_pages(const struct cell *cell, bool show)
{
	show_page(cell->comm, show);
	if (cell->console)
		show_page(cell->console, show);
}

static void cell_free(struct cell *cell)
{
	ivshmem_exit(cell);
	arch_cell_exit(cell);
	mmio_exit(cell);
	paging_exit(&cell->stage2);
	paging_exit(&cell->dma);
	pool_free(cell->comm, 1);
	pool_free(cell->console, 1);
	pool_free((void *)cell->config, cell->config_pages);
	pool_free(cell, 1);
}

/* Root's CPUs are suspended when the list changes; others may count. */
static struct spinlock list_lock;

u32 cell_count(void)
{
	const struct cell *cell;
	u32 n = 0;

	spin_lock(&list_lock);
	for_each_cell (cell)
		n++;
	spin_unlock(&list_lock);
	return n;
}

static void link_cell(struct cell *cell)
{
	struct cell *last = &root_cell;

	while (last->next)
		last = last->next;
	spin_lock(&list_lock);
	last->next = cell;
	spin_unlock(&list_lock);
}

static void unlink_cell(const struct cell *cell)
{
	struct cell *prev = &root_cell;

	while (prev->next != cell)
		prev = prev->next;
	spin_lock(&list_lock);
	prev->next = cell->next;
	spin_unlock(&list_lock);
}

static void commit_create(struct cell *cell)
{
	control_suspend(&root_cell);
	move_cpus(&cell->cpus, &root_cell, cell);
	memory_take(cell, false);
	arch_cell_take(cell);
	pci_take(cell);
	show_pages(cell, true);
	order_cpus(cell, false);
	flush_root();
	link_cell(cell);
	control_resume(&root_cell);
	control_resume(cell);
	memory_clear(cell);
	tell_reconfigured();
	event_cell(HV_EVENT_CREATED, cell);
	print("cell %s: created, id %u, %u CPUs\n", cell->name, cell->id, cpu_set_weight(&cell->cpus));
}

int cell_create(paddr_t config)
{
	int err = check_not_locked(NULL);
	struct cell *cell;

	if (err)
		return err;
	cell = pool_alloc(1);
	if (!cell)
		return refuse(-ENOMEM, "no page left for a cell");
	err = read_config(cell, config);
	if (!err)
		err = check_cpus(cell);
	if (!err)
		err = memory_check(cell->config);
	if (!err)
		err = prepare(cell);
	if (err) {
		cell_free(cell);
		return err;
	}
	commit_create(cell);
	return 0;
}

/* --- the others --- */

/* Look up a cell that a management call names and ask for its consent. */
static int find_consenting(u32 id, bool force, struct cell **ret_cell)
{
	struct cell *cell = cell_find(id);
	int err;

	if (!cell)
		return refuse(-ENOENT, "no cell with id %u", id);
	if (cell == &root_cell)
		return refuse(-EINVAL, "not for the root cell");
	err = cell_consent(cell, force);
	if (err)
		return err;
	*ret_cell = cell;
	return 0;
}

int cell_set_loadable(u32 id, bool force)
{
	struct cell *cell;
	int err = find_consenting(id, force, &cell);

	if (err)
		return err;
	control_suspend(cell);
	order_cpus(cell, false);
	if (!cell->loadable) {
		cell_set_state(cell, CELL_STATE_SHUT_DOWN);
		reset_devices(cell); /* before root gets memory that one may write */
		control_suspend(&root_cell);
		memory_give(cell, true);
		flush_root();
		control_resume(&root_cell);
		cell->loadable = true;
	}
	control_resume(cell);
	event_cell(HV_EVENT_LOADABLE, cell);
	return 0;
}

int cell_start(u32 id, bool force)
{
	struct cell *cell;
	int err = find_consenting(id, force, &cell);

	if (err)
		return err;
	control_suspend(cell);
	if (cell->loadable) {
		control_suspend(&root_cell);
		memory_take(cell, true);
		flush_root();
		control_resume(&root_cell);
		cell->loadable = false;
	}
	fill_comm(cell);
	if (cell->console)
		cell->console->start = cell->console->tail;
	reset_devices(cell);
	order_cpus(cell, true);
	event_cell(HV_EVENT_STARTED, cell); /* before anything that the cell may do */
	print("cell %s: started\n", cell->name);
	control_resume(cell);
	return 0;
}

/* What a cell has printed goes with it; whoever hears of its end may want its last words. */
static void keep_console(const struct cell *cell)
{
	if (cell->console)
		memcpy(&event_ring.console, cell->console, sizeof(event_ring.console));
	else
		memset(&event_ring.console, 0, sizeof(event_ring.console));
}

int cell_destroy(u32 id, bool force)
{
	struct cell *cell = cell_find(id);
	struct cpu_set cpus;
	int err = cell && cell != &root_cell ? check_not_locked(cell) : 0;

	if (!err)
		err = find_consenting(id, force, &cell);
	if (err)
		return err;
	control_suspend(cell);
	cell_set_state(cell, CELL_STATE_SHUT_DOWN);
	keep_console(cell);
	event_cell(HV_EVENT_DESTROYED, cell);
	reset_devices(cell);
	order_cpus(cell, false);

	control_suspend(&root_cell);
	if (cell->loadable)
		memory_take(cell, true);
	flush_root();
	control_resume(&root_cell);
	memory_clear(cell); /* nobody has it now, and root goes on meanwhile */

	control_suspend(&root_cell);
	cpus = cell->cpus;
	move_cpus(&cpus, cell, &root_cell);
	memory_give(cell, false);
	arch_cell_give(cell);
	pci_give(cell);
	show_pages(cell, false);
	memory_merge_root(cell);
	flush_root();
	unlink_cell(cell);
	control_resume(&root_cell);

	print("cell %s: destroyed\n", cell->name);
	cell_free(cell);
	tell_reconfigured();
	return 0;
}
