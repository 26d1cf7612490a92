/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Method calls from bytes: bus.c has the world, bus-calls.c makes the messages.
 */
#ifndef FUZZ_BUS_CALLS_H
#define FUZZ_BUS_CALLS_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/** Bytes that are read as choices; behind their end every choice is the first. */
typedef struct FuzzInput {
	const uint8_t *data;
	size_t size, at;
} FuzzInput;

/** fuzz_input_take - a choice below @limit */
unsigned fuzz_input_take(FuzzInput *in, unsigned limit);

/** fuzz_bus_new_call - to anything of celld, with right or wrong arguments */
int fuzz_bus_new_call(sd_bus *bus, FuzzInput *in, sd_bus_message **ret);

/** fuzz_bus_append_any - values of any types */
void fuzz_bus_append_any(sd_bus_message *m, FuzzInput *in);

/** fuzz_bus_job_result - what systemd may say of a job */
const char *fuzz_bus_job_result(FuzzInput *in);

#define FUZZ_BUS_CONFIG(name, cpu)                                                                                 \
	"{\"name\": \"" name "\", \"architecture\": \"x86\", \"cpus\": \"" cpu "\", \"cpu_reset_address\": 0,"     \
	"\"command_line\": \"x\", \"memory\": [{\"phys\": \"0x3a600000\", \"virt\": 0, \"size\": \"1M\","          \
	"\"flags\": [\"read\", \"write\", \"execute\", \"loadable\"]}, {\"virt\": \"0x100000\", \"size\": \"4K\"," \
	"\"flags\": [\"read\", \"write\", \"comm-region\"]}], \"supervision\": {\"ShutdownTimeoutUSec\": \"5ms\"," \
	"\"RestartUSec\": \"1ms\"}}"
#define FUZZ_BUS_SYSTEM                                                                                            \
	"{\"hypervisor_memory\": {\"phys\": \"0x3a000000\", \"size\": \"6M\"}, \"root_cell\": {\"cpus\": \"0-7\"," \
	"\"memory\": [{\"phys\": \"0x0\", \"size\": \"928M\", \"flags\": [\"read\", \"write\", \"execute\", "      \
	"\"dma\"]},"                                                                                               \
	"{\"phys\": \"0x3a600000\", \"size\": \"76M\", \"flags\": [\"read\", \"write\", \"execute\", \"dma\"]}]}}"
#define FUZZ_BUS_DAEMON                                                                                     \
	"<busconfig><type>system</type><listen>unix:path=%s/bus</listen><policy context=\"default\">"       \
	"<allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>" \
	"</policy></busconfig>"

#endif
