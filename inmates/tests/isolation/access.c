/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The plain attacks: reads and writes of each width at an address, and a jump there. */
#include "attack.h"

u64 attack_read1(const struct attack *a)
{
	return *(volatile u8 *)attack_map(a->at);
}

u64 attack_read2(const struct attack *a)
{
	return *(volatile u16 *)attack_map(a->at);
}

u64 attack_read4(const struct attack *a)
{
	return *(volatile u32 *)attack_map(a->at);
}

u64 attack_read8(const struct attack *a)
{
	return *(volatile u64 *)attack_map(a->at);
}

u64 attack_write1(const struct attack *a)
{
	*(volatile u8 *)attack_map(a->at) = (u8)a->value;
	return 0;
}

u64 attack_write4(const struct attack *a)
{
	*(volatile u32 *)attack_map(a->at) = (u32)a->value;
	return 0;
}

u64 attack_write8(const struct attack *a)
{
	*(volatile u64 *)attack_map(a->at) = a->value;
	return 0;
}

u64 attack_jump(const struct attack *a)
{
	return attack_call(attack_map(a->at), 0, 0);
}
