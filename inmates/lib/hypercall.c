/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hypercalls. The wrong vendor's instruction faults, so the vendor is asked first.
 */
#include "inmate/asm.h"
#include "inmate/hypercall.h"
#include "inmate/string.h"

bool hypercall_vendor_amd(void)
{
	static enum { UNKNOWN, AMD, OTHER } vendor;
	u32 eax, name[3];

	if (vendor == UNKNOWN) {
		/* The name comes in the order EBX, EDX, ECX (AMD APM vol.3 E.3.1). */
		cpuid(0, &eax, &name[0], &name[2], &name[1]);
		vendor = memcmp(name, "AuthenticAMD", sizeof(name)) ? OTHER : AMD;
	}
	return vendor == AMD;
}

s64 hypercall(u64 number, u64 arg1, u64 arg2)
{
	s64 result = (s64)number;

	if (hypercall_vendor_amd())
		__asm__ volatile("vmmcall" : "+a"(result) : "D"(arg1), "S"(arg2) : "memory");
	else
		__asm__ volatile("vmcall" : "+a"(result) : "D"(arg1), "S"(arg2) : "memory");
	return result;
}
