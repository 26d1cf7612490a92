/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl: options and --help.
 */
#include <getopt.h>
#include <stdarg.h>

#include "cellctl.h"
#include "suggest.h"

static const char *const ctl_json_table[CTL_JSON_MAX] = {
	[CTL_JSON_OFF] = "off",
	[CTL_JSON_SHORT] = "short",
	[CTL_JSON_PRETTY] = "pretty",
};

DEFINE_STRING_TABLE(ctl_json, CtlJson)

int ctl_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return CTL_FAILURE;
}

enum {
	OPTION_JSON = 256,
	OPTION_NO_PAGER,
	OPTION_NO_LEGEND,
	OPTION_NO_ASK_PASSWORD,
	OPTION_NO_BLOCK,
	OPTION_VALUE,
	OPTION_NOW,
	OPTION_SYSTEM,
	OPTION_FORCE,
	OPTION_RUNTIME,
	OPTION_NO_UNIT,
	OPTION_INTERVAL,
	OPTION_CPU,
	OPTION_CONFIG_DIR,
	OPTION_VERSION,
};

static const struct option options[] = {
	{ "host", required_argument, NULL, 'H' },
	{ "json", required_argument, NULL, OPTION_JSON },
	{ "no-pager", no_argument, NULL, OPTION_NO_PAGER },
	{ "no-legend", no_argument, NULL, OPTION_NO_LEGEND },
	{ "no-ask-password", no_argument, NULL, OPTION_NO_ASK_PASSWORD },
	{ "no-block", no_argument, NULL, OPTION_NO_BLOCK },
	{ "quiet", no_argument, NULL, 'q' },
	{ "property", required_argument, NULL, 'p' },
	{ "value", no_argument, NULL, OPTION_VALUE },
	{ "lines", required_argument, NULL, 'n' },
	{ "follow", no_argument, NULL, 'f' },
	{ "now", no_argument, NULL, OPTION_NOW },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "runtime", no_argument, NULL, OPTION_RUNTIME },
	{ "no-unit", no_argument, NULL, OPTION_NO_UNIT },
	{ "interval", required_argument, NULL, OPTION_INTERVAL },
	{ "cpu", required_argument, NULL, OPTION_CPU },
	{ "config-dir", required_argument, NULL, OPTION_CONFIG_DIR },
	{ "system", no_argument, NULL, OPTION_SYSTEM },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void print_help(const CtlVerb *verbs, size_t n_verbs)
{
	puts("cellctl [OPTION...] [COMMAND] [ARGUMENT...]\n\nControl and look at cells.\n\nCommands:");
	for (size_t i = 0; i < n_verbs; i++)
		printf("  %-12s %-24s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
	puts("\nOptions:\n"
	     "  -H --host=[USER@]HOST     Act on another machine, through ssh\n"
	     "     --json=short|pretty|off  Print JSON\n"
	     "  -p --property=NAME[,...]  show: only these properties\n"
	     "     --value                show: only the values\n"
	     "  -P NAME                   show: the same as --value --property=NAME\n"
	     "  -n --lines=N              status, logs: lines of the journal\n"
	     "  -f --follow               logs: go on\n"
	     "     --interval=TIME        stats: again and again, with the rate\n"
	     "     --cpu=N                stats: of this CPU\n"
	     "     --force                start, stop, restart: do not wait for the cell's consent\n"
	     "     --no-unit              Act without the unit cell@CELL.service or jailhouse.service (root only)\n"
	     "     --runtime              define, undefine, enable, disable: only until the next boot\n"
	     "     --now                  enable, disable: also start or stop\n"
	     "     --no-block             Wait only until it has begun\n"
	     "     --config-dir=DIR       check, export: folder instead of the search path; several in order\n"
	     "     --system               check, export: the machine instead of a cell\n"
	     "  -o --output=FILE          import, export: write there\n"
	     "     --no-ask-password      Do not ask for authorisation\n"
	     "     --no-pager --no-legend -q --quiet -h --help --version\n"
	     "\nExit status: 0 done, 1 failed, 3 cell or hypervisor is not running, 4 no such cell. See cellctl(1).");
}

/** colors_wanted - as systemd decides it */
static bool colors_wanted(void)
{
	const char *systemd = getenv("SYSTEMD_COLORS"), *term = getenv("TERM");

	if (!isempty(systemd))
		return !streq(systemd, "0") && !streq(systemd, "no") && !streq(systemd, "false");
	return isatty(STDOUT_FILENO) && isempty(getenv("NO_COLOR")) && term && !streq(term, "dumb");
}

static int parse_lines(Ctl *ctl, const char *text)
{
	uint32_t lines;

	if (parse_u32(text, &lines) < 0 || lines > 1000000)
		return -ctl_error("Not a number of lines: %s", text);
	ctl->lines = (int)lines;
	return 0;
}

static int parse_cpu(Ctl *ctl, const char *text)
{
	uint32_t cpu;

	if (parse_u32(text, &cpu) < 0)
		return -ctl_error("Not a CPU: %s", text);
	ctl->cpu = cpu;
	return 0;
}

static int parse_properties(Ctl *ctl, const char *text)
{
	_cleanup_strv_ char **names = NULL;
	int r = strv_split(text, ",", &names);

	for (char **name = names; r >= 0 && name && *name; name++)
		r = strv_add(&ctl->properties, *name);
	return r < 0 ? -ctl_error("Out of memory") : 0;
}

/** parse_value - options that take one. Return: 0, < 0 failed */
static int parse_value(Ctl *ctl, int option, const char *text)
{
	switch (option) {
	case 'H':
		ctl->host = text;
		return 0;
	case 'o':
		ctl->output = text;
		return 0;
	case 'n':
		return parse_lines(ctl, text);
	case 'P':
		ctl->value = true;
		return parse_properties(ctl, text);
	case 'p':
		return parse_properties(ctl, text);
	case OPTION_JSON:
		ctl->json = ctl_json_from_string(text);
		return (int)ctl->json < 0 ? -ctl_error("--json is one of short, pretty, off") : 0;
	case OPTION_INTERVAL:
		if (parse_usec(text, &ctl->interval_usec) < 0 || ctl->interval_usec == 0)
			return -ctl_error("Not an interval: %s", text);
		return 0;
	case OPTION_CPU:
		return parse_cpu(ctl, text);
	case OPTION_CONFIG_DIR:
		return strv_add(&ctl->config_dirs, text) < 0 ? -ctl_error("Out of memory") : 0;
	default:
		return -CTL_FAILURE; /* getopt has said what is wrong */
	}
}

/** parse_switch - options without a value. Return: it was one */
static bool parse_switch(Ctl *ctl, int option)
{
	const struct {
		int option;
		bool *target;
		bool value;
	} switches[] = {
		{ 'q', &ctl->quiet, true },
		{ 'f', &ctl->follow, true },
		{ OPTION_VALUE, &ctl->value, true },
		{ OPTION_NOW, &ctl->now, true },
		{ OPTION_SYSTEM, &ctl->system, true },
		{ OPTION_NO_PAGER, &ctl->pager, false },
		{ OPTION_NO_LEGEND, &ctl->legend, false },
		{ OPTION_NO_ASK_PASSWORD, &ctl->ask_password, false },
	};
	static const struct {
		int option;
		uint64_t flag;
	} flags[] = {
		{ OPTION_FORCE, CTL_FLAG_FORCE },
		{ OPTION_RUNTIME, CTL_FLAG_RUNTIME },
		{ OPTION_NO_UNIT, CTL_FLAG_NO_UNIT },
		{ OPTION_NO_BLOCK, CTL_FLAG_NO_BLOCK },
	};

	for (size_t i = 0; i < ELEMENTSOF(switches); i++)
		if (switches[i].option == option) {
			*switches[i].target = switches[i].value;
			return true;
		}
	for (size_t i = 0; i < ELEMENTSOF(flags); i++)
		if (flags[i].option == option) {
			ctl->flags |= flags[i].flag;
			return true;
		}
	return false;
}

int ctl_parse(Ctl *ctl, int argc, char **argv, const CtlVerb *verbs, size_t n_verbs)
{
	int option;

	ctl->pager = ctl->legend = ctl->ask_password = true;
	ctl->lines = -1;
	ctl->cpu = -1;
	ctl->color = colors_wanted();
	while ((option = getopt_long(argc, argv, "H:p:P:n:o:qfh", options, NULL)) >= 0) {
		if (option == 'h') {
			print_help(verbs, n_verbs);
			return 0;
		}
		if (option == OPTION_VERSION) {
			puts("cellctl " CELLD_VERSION);
			return 0;
		}
		if (!parse_switch(ctl, option) && parse_value(ctl, option, optarg) < 0)
			return -EINVAL;
	}
	if (argv[optind]) {
		Suggestion suggestion = SUGGESTION_INIT(argv[optind]);

		for (size_t i = 0; i < n_verbs; i++) {
			if (streq(verbs[i].name, argv[optind]))
				return optind;
			suggestion_offer(&suggestion, verbs[i].name);
		}
		ctl_error("Unknown command \"%s\"" SUGGESTION_FORMAT, argv[optind], SUGGESTION_ARGS(suggestion));
		return -EINVAL;
	}
	return optind;
}
