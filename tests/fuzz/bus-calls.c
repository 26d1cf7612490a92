/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Method calls from bytes: the interfaces of the contract with their right arguments, and everything beside that.
 */
#include "bus-calls.h"
#include "util.h"

#define MANAGER "org.jailhouse.Cell.Manager"
#define CELL "org.jailhouse.Cell"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define LOG_CONTROL "org.freedesktop.LogControl1"
#define ROOT "/org/jailhouse/Cell"
#define DEPTH_MAX 6
#define REPEATED_MAX (5U << 20)

typedef struct Method {
	const char *interface, *member, *signature;
} Method;

static const Method methods[] = {
	{ MANAGER, "StartCell", "st" },
	{ MANAGER, "StopCell", "st" },
	{ MANAGER, "RestartCell", "st" },
	{ MANAGER, "CreateCell", "st" },
	{ MANAGER, "DestroyCell", "st" },
	{ MANAGER, "ResetFailedCell", "s" },
	{ MANAGER, "DefineCell", "sst" },
	{ MANAGER, "UndefineCell", "st" },
	{ MANAGER, "Supervise", "sa{sv}" },
	{ MANAGER, "GetCell", "s" },
	{ MANAGER, "GetCellByCPU", "u" },
	{ MANAGER, "ListCells", "" },
	{ MANAGER, "Reload", "" },
	{ MANAGER, "EnableHypervisor", "t" },
	{ MANAGER, "DisableHypervisor", "t" },
	{ CELL, "Start", "t" },
	{ CELL, "Stop", "t" },
	{ CELL, "Restart", "t" },
	{ CELL, "ResetFailed", "" },
	{ CELL, "GetConfig", "" },
	{ CELL, "GetStatistics", "" },
	{ CELL, "GetCPUStatistics", "" },
	{ CELL, "OpenConsole", "t" },
	{ PROPERTIES, "Get", "ss" },
	{ PROPERTIES, "Set", "ssv" },
	{ PROPERTIES, "GetAll", "s" },
	{ "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "" },
	{ "org.freedesktop.DBus.Introspectable", "Introspect", "" },
	{ "org.freedesktop.DBus.Peer", "GetMachineId", "" },
};

static const char *const paths[] = {
	ROOT "/cell/rtos", ROOT, ROOT "/cell/other", ROOT "/cell/broken", "/org/freedesktop/LogControl1", ROOT "/cell",
	ROOT "/cell/none", "/",	 ROOT "/cell/_",     ROOT "/cell/_2e_2e", ROOT "/cell/rtos/deeper",	  ROOT "/other",
};

static const char *const strings[] = {
	"rtos",
	"other",
	"broken",
	"fresh",
	"",
	"none",
	"../rtos",
	".",
	"-x",
	"%s%n",
	"\xe2\x80\xae\x07\x1b[31m",
	"a b\nc=d",
	"abcdefghijklmnopqrstuvwxyzabcdefghijklmnop",
	MANAGER,
	CELL,
	LOG_CONTROL,
	PROPERTIES,
	"LogLevel",
	"LogTarget",
	"SyslogIdentifier",
	"State",
	"Name",
	"CPUs",
	"StatusText",
	"HeartbeatCount",
	"Features",
	"HypervisorState",
	"debug",
	"emerg",
	"journal",
	"start",
	"restart",
	FUZZ_BUS_CONFIG("fresh", "2"),
	FUZZ_BUS_CONFIG("rtos", "2"),
	FUZZ_BUS_CONFIG("fresh", "99"),
	"{}",
	"[",
	"{\"name\": \"fresh\"}",
};

static const char *const signatures[] = {
	"",   "s",  "st", "t",	  "sst",  "sa{sv}",	   "a{sv}", "u",     "b",	  "d",	    "h", "v",
	"as", "ay", "av", "(st)", "a(s)", "a{s(tt)}",	   "ssv",   "aaaas", "g",	  "o",	    "x", "sttt",
	"y",  "n",  "hh", "sh",	  "vvvv", "a{ta{ta{tt}}}", "ss",    "sts",   "(s(s(s)))", "a{yas}",
};

static const char *const variants[] = { "b", "s", "t", "u", "as", "a{sv}", "(st)", "v" };

static const char *const job_results[] = { "done", "failed", "canceled", "timeout", "dependency", "skipped", "" };

unsigned fuzz_input_take(FuzzInput *in, unsigned limit)
{
	unsigned value = 0;

	if (limit < 2)
		return 0;
	for (unsigned range = 1; range < limit && in->at < in->size; range *= 256)
		value = value << 8 | in->data[in->at++];
	return value % limit;
}

#define PICK(in, table) ((table)[fuzz_input_take((in), ELEMENTSOF(table))])

const char *fuzz_bus_job_result(FuzzInput *in)
{
	return PICK(in, job_results);
}

/** any_bytes - what comes next in the input as it is, if it is text; allocated */
static char *any_bytes(FuzzInput *in)
{
	size_t wanted = fuzz_input_take(in, 64), n = MIN(wanted, in->size - in->at);
	char *s = strndup((const char *)in->data + in->at, n);

	in->at += n;
	return s;
}

static char *repeated(FuzzInput *in)
{
	size_t n = 1U << fuzz_input_take(in, 23);
	char *s = calloc(1, MIN(n, REPEATED_MAX) + 1);

	return s ? memset(s, (int)('!' + fuzz_input_take(in, 90)), MIN(n, REPEATED_MAX)) : NULL;
}

static int append_string(sd_bus_message *m, FuzzInput *in)
{
	_cleanup_free_ char *made = NULL;
	unsigned how = fuzz_input_take(in, 16);

	if (how == 1)
		made = any_bytes(in);
	else if (how == 2)
		made = repeated(in);
	return sd_bus_message_append_basic(m, 's', made ?: PICK(in, strings));
}

static uint64_t any_number(FuzzInput *in)
{
	uint64_t n = fuzz_input_take(in, 256);

	/* Flags are small; everything else may be large. */
	return n < 240 ? n % 16 : ~0ULL >> fuzz_input_take(in, 64);
}

static int append_number(sd_bus_message *m, FuzzInput *in, char type)
{
	uint64_t n = any_number(in);
	int32_t truth = (int32_t)(n & 1), fd = STDERR_FILENO;

	if (type == 'b')
		return sd_bus_message_append_basic(m, type, &truth);
	if (type == 'h')
		return sd_bus_message_append_basic(m, type, &fd);
	/* Little endian: the low bytes are there for smaller types, too. */
	return sd_bus_message_append_basic(m, type, &n);
}

static int append_basic(sd_bus_message *m, FuzzInput *in, char type)
{
	switch (type) {
	case 's':
		return append_string(m, in);
	case 'o':
		return sd_bus_message_append_basic(m, type, PICK(in, paths));
	case 'g':
		return sd_bus_message_append_basic(m, type, PICK(in, signatures));
	default:
		return append_number(m, in, type);
	}
}

/** type_length - of the first complete type in a well-formed signature */
static size_t type_length(const char *s)
{
	size_t depth = 0, n = 0;

	while (s[n] == 'a')
		n++;
	do {
		depth += s[n] == '(' || s[n] == '{';
		depth -= s[n] == ')' || s[n] == '}';
		n++;
	} while (depth > 0);
	return n;
}

static int append(sd_bus_message *m, FuzzInput *in, const char *signature, unsigned depth);

/** append_container - @type: with what it begins; @inside: signature of its contents */
static int append_container(sd_bus_message *m, FuzzInput *in, char type, const char *inside, unsigned depth)
{
	unsigned n = type == 'a' ? fuzz_input_take(in, 4) : 1;
	int r;

	r = sd_bus_message_open_container(m, type == '(' ? 'r' : type == '{' ? 'e' : type, inside);
	for (unsigned i = 0; i < n && r >= 0; i++)
		r = append(m, in, inside, depth + 1);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_one(sd_bus_message *m, FuzzInput *in, const char *type, size_t n, unsigned depth)
{
	_cleanup_free_ char *inside = NULL;

	if (type[0] == 'v')
		return append_container(m, in, 'v', depth < DEPTH_MAX ? PICK(in, variants) : "y", depth);
	if (!strchr("a({", type[0]))
		return append_basic(m, in, type[0]);
	inside = type[0] == 'a' ? strndup(type + 1, n - 1) : strndup(type + 1, n - 2);
	return inside ? append_container(m, in, type[0], inside, depth) : -ENOMEM;
}

static int append(sd_bus_message *m, FuzzInput *in, const char *signature, unsigned depth)
{
	int r = 0;

	for (const char *s = signature; *s && r >= 0;) {
		size_t n = type_length(s);

		r = append_one(m, in, s, n, depth);
		s += n;
	}
	return r;
}

void fuzz_bus_append_any(sd_bus_message *m, FuzzInput *in)
{
	(void)append(m, in, PICK(in, signatures), 0);
}

int fuzz_bus_new_call(sd_bus *bus, FuzzInput *in, sd_bus_message **ret)
{
	const Method *method = &PICK(in, methods);
	unsigned odd = fuzz_input_take(in, 16);
	const char *path, *interface = method->interface;
	int r;

	path = streq(interface, CELL) ? ROOT "/cell/rtos" : ROOT;
	if (odd == 1 || startswith(interface, "org.freedesktop."))
		path = PICK(in, paths);
	if (odd == 2)
		interface = PICK(in, methods).interface;
	r = sd_bus_message_new_method_call(bus, ret, CELL, path, odd == 3 ? NULL : interface, method->member);
	if (r >= 0)
		r = append(*ret, in, odd == 4 ? PICK(in, signatures) : method->signature, 0);
	return r;
}
