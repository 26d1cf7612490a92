/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks by ports. The cell has COM3 (0x3e8 to 0x3ef) and, as every cell, what is moderated: the keyboard
 * controller's command port, the POST port, PCI configuration, the PM timer.
 */
#include "attack.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc

static u64 in1(const struct attack *a)
{
	return inb((u16)a->at);
}

static u64 in2(const struct attack *a)
{
	u16 value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"((u16)a->at));
	return value;
}

static u64 in4(const struct attack *a)
{
	return inl((u16)a->at);
}

static u64 out1(const struct attack *a)
{
	outb((u16)a->at, (u8)a->value);
	return 0;
}

static u64 out2(const struct attack *a)
{
	__asm__ volatile("outw %0, %1" : : "a"((u16)a->value), "Nd"((u16)a->at));
	return 0;
}

static u64 out4(const struct attack *a)
{
	outl((u16)a->at, (u32)a->value);
	return 0;
}

static u64 ins(const struct attack *a)
{
	u64 to = attack_map(SCRATCH), n = 1;

	if (a->value)
		__asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"((u16)a->at) : "memory");
	else
		__asm__ volatile("insb" : "+D"(to) : "d"((u16)a->at) : "memory");
	return 0;
}

static u64 outs(const struct attack *a)
{
	u64 from = attack_map(SCRATCH), n = 1;

	if (a->value)
		__asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"((u16)a->at) : "memory");
	else
		__asm__ volatile("outsb" : "+S"(from) : "d"((u16)a->at) : "memory");
	return 0;
}

/* The port of PCI's address holds what is written to it, as it is. */
static u64 hold_address(const struct attack *a)
{
	outl(PCI_ADDRESS, (u32)a->value);
	return inl(PCI_ADDRESS);
}

/* Read and write a register (@value) of a function, by port @at. */
#define CONFIG(bdf, reg) (0x80000000UL | (bdf) << 8 | (reg))

static u64 config_in1(const struct attack *a)
{
	outl(PCI_ADDRESS, (u32)a->value);
	return in1(a);
}

static u64 config_in2(const struct attack *a)
{
	outl(PCI_ADDRESS, (u32)a->value);
	return in2(a);
}

static u64 config_in4(const struct attack *a)
{
	outl(PCI_ADDRESS, (u32)a->value);
	return in4(a);
}

static u64 config_out1(const struct attack *a)
{
	outl(PCI_ADDRESS, (u32)a->value);
	outb((u16)a->at, 0);
	return 0;
}

static u64 config_out4(const struct attack *a)
{
	outl(PCI_ADDRESS, (u32)a->value);
	outl((u16)a->at, 0);
	return 0;
}

static u64 pm_timer(const struct attack *a)
{
	u32 start = inl((u16)a->at);

	for (int i = 0; i < 1000000; i++)
		if (inl((u16)a->at) != start)
			return 1;
	return 0;
}

#define BOTH(what, at) PARK("a read of " what, in1, at, 0, "pio"), PARK("a write to " what, out1, at, 0, "pio")

static const struct attack rows[] = {
	BOTH("the DMA controller's port", 0x0),
	BOTH("the interrupt controller's port", 0x20),
	BOTH("the interrupt controller's mask", 0x21),
	BOTH("the timer's port", 0x40),
	BOTH("the keyboard's data port", 0x60),
	BOTH("the NMI status port", 0x61),
	BOTH("the clock's index", 0x70),
	BOTH("the clock's data", 0x71),
	BOTH("the DMA page register", 0x87),
	BOTH("the fast A20 gate", 0x92),
	BOTH("the second interrupt controller", 0xa1),
	BOTH("the SMI command port", 0xb2),
	BOTH("COM2", 0x2f8),
	BOTH("a port just before its own", 0x3e7),
	BOTH("a port just behind its own", 0x3f0),
	BOTH("the hypervisor's console", 0x3f8),
	BOTH("the interrupt controllers' level register", 0x4d0),
	BOTH("the sleep register", 0x604),
	BOTH("a port behind the PM timer", 0x60c),
	BOTH("the port of a PCI device", 0xc000),
	BOTH("the last port", 0xffff),
	PARK("a reset by the reset register", out1, 0xcf9, 6, "pio"),
	PARK("a power-off by the sleep register", out2, 0x604, 0x2000, "pio"),
	PARK("4 bytes at the last ports", in4, 0xfffe, 0, "pio"),
	PARK("2 bytes that leave its own ports", in2, 0x3ef, 0, "pio"),
	PARK("4 bytes that leave its own ports", out4, 0x3ed, 0, "pio"),
	PARK("4 bytes that reach into its own ports", in4, 0x3e5, 0, "pio"),
	PARK("4 bytes that leave the PM timer", in4, 0x60a, 0, "pio"),
	GO_ON("its own port is read", in1, 0x3ef, 0, ANYTHING),
	GO_ON("its own ports are read by 4 bytes", in4, 0x3ec, 0, ANYTHING),
	GO_ON("its own port takes a string", outs, 0x3ef, 1, 0),
	GO_ON("the PM timer runs", pm_timer, 0x608, 0, 1),
	PARK("a string from a foreign port", ins, 0x70, 0, "pio"),
	PARK("a string to a foreign port", outs, 0x70, 0, "pio"),
	PARK("a repeated string from a foreign port", ins, 0x71, 1, "pio"),
	PARK("a repeated string to a foreign port", outs, 0x71, 1, "pio"),

	GO_ON("the keyboard controller's status is read", in1, 0x64, 0, ANYTHING),
	GO_ON("a harmless command to the keyboard controller", out1, 0x64, 0xae, 0),
	PARK("the keyboard controller's A20 gate", out1, 0x64, 0xd1, "pio"),
	PARK("a reset by the keyboard controller", out1, 0x64, 0xfe, "pio"),
	PARK("the first of the keyboard controller's pulses", out1, 0x64, 0xf0, "pio"),
	PARK("2 bytes to the keyboard controller", out2, 0x64, 0, "pio"),
	PARK("a string to the keyboard controller", outs, 0x64, 0, "pio"),
	PARK("a string from the keyboard controller", ins, 0x64, 1, "pio"),

	GO_ON("a byte to the POST port is ignored", out1, 0x80, 0x12, 0),
	PARK("2 bytes to the POST port", out2, 0x80, 0, "pio"),
	PARK("a string to the POST port", outs, 0x80, 0, "pio"),

	GO_ON("PCI's address is held", hold_address, 0, 0x12345678, 0x12345678),
	GO_ON("a foreign device by ports reads as ones: byte", config_in1, 0xcfd, CONFIG(0x00, 0), 0xff),
	GO_ON("a foreign device by ports reads as ones: word", config_in2, 0xcfe, CONFIG(0x08, 0), 0xffff),
	GO_ON("a foreign device by ports reads as ones: dword", config_in4, 0xcfc, CONFIG(0xfa, 0), 0xffffffff),
	GO_ON("whatever the address's enable bit", config_in4, 0xcfc, 0xfa00, 0xffffffff),
	PARK("a write to a foreign device by ports", config_out4, 0xcfc, CONFIG(0x10, 4), "pio"),
	PARK("a byte to a foreign device by ports", config_out1, 0xcff, CONFIG(0xfa, 0x40), "pio"),
	PARK("a write without the enable bit", config_out4, 0xcfc, 0x1004, "pio"),
	PARK("PCI's address by one byte", out1, 0xcf8, 0, "pio"),
	PARK("PCI's address by two bytes", in2, 0xcf8, 0, "pio"),
	PARK("4 bytes beside PCI's address", in4, 0xcf9, 0, "pio"),
	PARK("4 bytes across PCI's address and data", in4, 0xcfa, 0, "pio"),
	PARK("4 bytes beyond PCI's data", config_in4, 0xcfd, CONFIG(0, 0), "pio"),
	PARK("2 bytes beyond PCI's data", config_in2, 0xcff, CONFIG(0, 0), "pio"),
	PARK("a string to PCI's address", outs, 0xcf8, 0, "pio"),
	PARK("a string from PCI's data", ins, 0xcfc, 1, "pio"),
};

const struct attacks port_attacks = { rows, ARRAY_SIZE(rows) };
