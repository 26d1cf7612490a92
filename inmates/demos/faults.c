/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Misbehaviour on demand: each kind is one function and one row of the table at the end.
 *
 * Command line: fault=NAME, after=MS (default 1000), and where it matters addr=, port=, msr=, value=. At run time the
 * same is done, at once, by the row's key. Whatever ends the cell or its CPU is said on the console first; if it did
 * not end it, that is said, too.
 */
#include "inmate/inmate.h"
#include "faults.h"

#define CR0_EM 0x4
#define ICR_NMI_ALL_INCLUDING_SELF 0x84400 /* shorthand 2, delivery mode NMI: not allowed to a cell */
#define ACCESS_BYTES 8

struct fault {
	const char *name;
	char key;
	void (*commit)(void);
	const char *help;
};

struct faults faults;

static const struct fault *chosen; /* by the command line, not yet committed */
static u64 after_ms;

static struct {
	u64 address;
	u64 value;
	u16 port;
	u32 msr;
} param;

static volatile u64 *foreign_memory(void)
{
	if (!paging_map(param.address, ACCESS_BYTES, PAGING_WRITE | PAGING_EXECUTE))
		printk("rtos: cannot map 0x%llx\n", (unsigned long long)param.address);
	return (volatile u64 *)param.address;
}

static void do_none(void)
{
	faults = (struct faults){ 0 };
	cell_set_state(CELL_STATE_RUNNING);
}

static void do_beat(void)
{
	faults.no_beat = true;
}

static void do_refuse(void)
{
	faults.refuse = true;
}

static void do_silent(void)
{
	faults.silent = true;
}

static void do_lock(void)
{
	cell_set_state(CELL_STATE_RUNNING_LOCKED);
}

static void do_garbage(void)
{
	/* No NUL, no UTF-8, escape sequences: whoever shows the text must cope. */
	char *text = (char *)CELL_COMM_ADDRESS + CELL_HEARTBEAT_OFFSET + offsetof(struct cell_heartbeat, text);

	faults.no_status = true;
	for (int i = 0; i < CELL_HEARTBEAT_TEXT_BYTES; i++)
		text[i] = "\x1b[2J\xff\xfe\n\x80"[i % 8];
}

static void do_noise(void)
{
	/* The same on the console, and no end of the line. */
	printk("rtos: noise \x1b[2J\x9b"
	       "31m\xff\xc3\xa9\xe2\x82");
}

static void do_babble(void)
{
	faults.babble = true;
}

static void do_mem(void)
{
	*foreign_memory() = param.value;
}

static void do_read(void)
{
	param.value = *foreign_memory();
}

static void do_exec(void)
{
	((void (*)(void))(u64)foreign_memory())();
}

static void do_port(void)
{
	outb(param.port, (u8)param.value);
}

static void do_port_read(void)
{
	param.value = inb(param.port);
}

static void do_msr(void)
{
	wrmsr(param.msr, param.value);
}

static void do_cr(void)
{
	u64 cr0;

	/* Trapped whatever the value on AMD (APM vol.2 15.9), where it changes bits that the hypervisor holds on Intel.
	 */
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("lmsw %w0" : : "r"(cr0 | CR0_EM) : "memory");
}

static void do_insn(void)
{
	if (hypercall_vendor_amd())
		__asm__ volatile(".byte 0x0f, 0x01, 0xd8" : : "a"(0UL) : "memory"); /* VMRUN */
	else
		__asm__ volatile(".byte 0x0f, 0x01, 0xc4" : : : "memory"); /* VMXOFF */
}

static void do_icr(void)
{
	apic_write_icr(ICR_NMI_ALL_INCLUDING_SELF);
}

static void do_triple(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) no_idt = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(no_idt));
}

static void do_ud(void)
{
	__asm__ volatile("ud2");
}

/* Frames of 512 bytes until the guard page, then a double fault on its own stack. */
static u64 __attribute__((noinline)) recurse(volatile u64 *depth)
{
	volatile u64 frame[64];

	frame[*depth % ARRAY_SIZE(frame)] = *depth;
	if (++*depth == 0)
		return 0;
	return recurse(depth) + frame[0];
}

static void do_stack(void)
{
	volatile u64 depth = 0;

	recurse(&depth);
}

static void do_hang(void)
{
	interrupts_disable();
	for (;;)
		cpu_relax();
}

static void do_halt(void)
{
	cpu_halt_forever();
}

static void do_exit(void)
{
	cell_stop(CELL_STATE_SHUT_DOWN);
}

static void do_revision(void)
{
	cell_stop(CELL_STATE_ABI_MISMATCH);
}

static const struct fault table[] = {
	{ "none", '0', do_none, "behave again" },
	{ "beat", 'b', do_beat, "stop beating, keep running" },
	{ "refuse", 'n', do_refuse, "deny shutdown requests" },
	{ "silent", 'q', do_silent, "do not answer messages" },
	{ "lock", 'l', do_lock, "state running/locked" },
	{ "garbage", 'g', do_garbage, "heartbeat text without NUL, not printable" },
	{ "noise", 'w', do_noise, "escape sequences and no UTF-8 on the console" },
	{ "babble", 'y', do_babble, "print all the time" },
	{ "mem", 'm', do_mem, "write memory at addr=" },
	{ "read", 'd', do_read, "read memory at addr=" },
	{ "exec", 'j', do_exec, "jump to addr=" },
	{ "port", 'p', do_port, "write port port=" },
	{ "port-read", 'i', do_port_read, "read port port=" },
	{ "msr", 'r', do_msr, "write MSR msr=" },
	{ "cr", 'c', do_cr, "LMSW with EM set" },
	{ "insn", 'v', do_insn, "VMRUN or VMXOFF" },
	{ "icr", 'a', do_icr, "NMI to all including self" },
	{ "triple", 'k', do_triple, "triple fault" },
	{ "ud", 'u', do_ud, "invalid opcode: dump, state failed" },
	{ "stack", 's', do_stack, "stack overflow: double fault, dump, state failed" },
	{ "hang", 'h', do_hang, "spin with interrupts off" },
	{ "halt", 't', do_halt, "HLT with interrupts off" },
	{ "exit", 'e', do_exit, "state shut down, halt" },
	{ "revision", 'x', do_revision, "as if it did not know this communication page, halt" },
};

static void commit(const struct fault *fault)
{
	printk("rtos: fault %s: %s\n", fault->name, fault->help);
	fault->commit();
	printk("rtos: still running\n");
}

void faults_init(void)
{
	char name[16] = "";

	param.address = (u64)cmdline_int("addr", 0x80000000);
	param.value = (u64)cmdline_int("value", 0);
	param.port = (u16)cmdline_int("port", 0x70);
	param.msr = (u32)cmdline_int("msr", 0x1b);
	after_ms = (u64)cmdline_int("after", 1000);

	if (!cmdline_string("fault", name, sizeof(name)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!strcmp(name, table[i].name))
			chosen = &table[i];
	}
	if (!chosen)
		printk("rtos: no fault \"%s\"\n", name);
}

void faults_poll(u64 uptime_ms)
{
	const struct fault *fault = chosen;

	if (faults.babble)
		printk("rtos: babble at %llu ms\n", (unsigned long long)uptime_ms);
	if (!fault || uptime_ms < after_ms)
		return;
	chosen = NULL;
	commit(fault);
}

bool faults_command(char key)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].key == key) {
			commit(&table[i]);
			return true;
		}
	}
	return false;
}

void faults_help(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		printk("%c  %-10s %s\n", table[i].key, table[i].name, table[i].help);
}
