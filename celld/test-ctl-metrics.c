/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of cellctl metrics: a strict reader of OpenMetrics text, texts that it must refuse, and what we print.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cellctl.h"

/* -- The reader: as strict as the standard, and only with what Prometheus' older text format has too ------------------
 */

#define NAMES_MAX 64
#define SAMPLES_MAX 1024

typedef struct Reader {
	char *families[NAMES_MAX]; /**< each comes once */
	size_t n_families;
	char *type, *unit, *help; /**< of the last family */
	char *samples[SAMPLES_MAX];
	size_t n_samples;
	const char *error;
} Reader;

static void reader_done(Reader *r)
{
	for (size_t i = 0; i < r->n_families; i++)
		free(r->families[i]);
	for (size_t i = 0; i < r->n_samples; i++)
		free(r->samples[i]);
	free(r->type);
	free(r->unit);
	free(r->help);
}

static bool refuse(Reader *r, const char *error)
{
	r->error = error;
	return false;
}

/** take_name - the name at *@s; NULL if there is none */
static char *take_name(const char **s, const char *special)
{
	const char *start = *s;

	if (isdigit((unsigned char)*start))
		return NULL;
	while (isalnum((unsigned char)**s) || (**s && strchr(special, **s)))
		(*s)++;
	return *s > start ? strndup(start, (size_t)(*s - start)) : NULL;
}

/** enter_family - metadata of a family: the present one, or a new one */
static bool enter_family(Reader *r, char *name)
{
	if (r->n_families > 0 && streq(r->families[r->n_families - 1], name)) {
		free(name);
		return true;
	}
	for (size_t i = 0; i < r->n_families; i++)
		if (streq(r->families[i], name)) {
			free(name);
			return refuse(r, "family comes twice");
		}
	assert_true(r->n_families < NAMES_MAX);
	if (r->n_families > 0 && (!r->type || !r->help)) {
		free(name);
		return refuse(r, "family without TYPE or HELP");
	}
	r->families[r->n_families++] = name;
	free(r->type);
	free(r->unit);
	free(r->help);
	r->type = r->unit = r->help = NULL;
	return true;
}

static bool read_metadata(Reader *r, const char *line)
{
	static const char *const kinds[] = { "# TYPE ", "# UNIT ", "# HELP " };
	char **const targets[] = { &r->type, &r->unit, &r->help };
	size_t n_samples = r->n_samples, n_families = r->n_families;

	for (size_t i = 0; i < 3; i++) {
		const char *rest = startswith(line, kinds[i]);
		char *name = rest ? take_name(&rest, "_:") : NULL;

		if (!rest)
			continue;
		if (!name)
			return refuse(r, "no name of a family");
		if (!enter_family(r, name))
			return false;
		if (*rest != ' ' || *targets[i])
			return refuse(r, "metadata is incomplete or repeated");
		if (n_families == r->n_families && n_samples > 0 &&
		    startswith(r->samples[n_samples - 1], r->families[n_families - 1]))
			return refuse(r, "metadata behind samples");
		*targets[i] = strdup(rest + 1);
		return true;
	}
	return refuse(r, "comment that is no metadata");
}

static bool check_metadata(Reader *r)
{
	const char *family = r->families[r->n_families - 1];
	size_t n = strlen(family), m = r->unit ? strlen(r->unit) : 0;

	if (!r->type || !r->help)
		return refuse(r, "sample without TYPE or HELP");
	if (!streq(r->type, "gauge") && !streq(r->type, "counter"))
		return refuse(r, "unknown type");
	if (n > 6 && streq(family + n - 6, "_total"))
		return refuse(r, "family with a suffix of samples");
	if (r->unit && (n < m + 2 || !streq(family + n - m, r->unit) || family[n - m - 1] != '_'))
		return refuse(r, "unit is not in the name");
	return true;
}

/** read_label - NAME="VALUE" */
static bool read_label(Reader *r, const char **s, char *seen)
{
	_cleanup_free_ char *name = take_name(s, "_");
	char pattern[64];

	if (!name || startswith(name, "__"))
		return refuse(r, "no name of a label");
	snprintf(pattern, sizeof(pattern), ",%s,", name);
	if (strstr(seen, pattern))
		return refuse(r, "label comes twice");
	strcat(seen, pattern + 1);
	if (!startswith(*s, "=\""))
		return refuse(r, "label without value");
	for (*s += 2; **s != '"'; (*s)++) {
		if (!**s)
			return refuse(r, "value of a label does not end");
		if (**s == '\\' && !strchr("\\\"n", *++*s))
			return refuse(r, "unknown escape sequence");
	}
	(*s)++;
	return true;
}

static bool read_labels(Reader *r, const char **s)
{
	char seen[256] = ",";

	if (**s != '{')
		return true;
	do {
		(*s)++;
		if (!read_label(r, s, seen))
			return false;
	} while (**s == ',');
	if (**s != '}')
		return refuse(r, "labels do not end");
	(*s)++;
	return true;
}

static bool read_number(Reader *r, const char *s)
{
	bool counter = streq(r->type, "counter");
	char *end;

	if (streq(s, "+Inf"))
		return counter ? refuse(r, "counter without limit") : true;
	if (!isdigit((unsigned char)*s) && (counter || *s != '-'))
		return refuse(r, "no number");
	(void)strtod(s, &end);
	return *end || strchr(s, 'x') ? refuse(r, "no number") : true;
}

static bool read_one_sample(Reader *r, const char *line)
{
	const char *s = line, *suffix;
	_cleanup_free_ char *name = take_name(&s, "_:");

	if (!name || r->n_families == 0)
		return refuse(r, "neither sample nor metadata");
	if (!check_metadata(r))
		return false;
	suffix = startswith(name, r->families[r->n_families - 1]);
	if (!suffix || !streq(suffix, streq(r->type, "counter") ? "_total" : ""))
		return refuse(r, "sample of another family");
	if (!read_labels(r, &s))
		return false;
	if (*s != ' ')
		return refuse(r, "no blank before the number");
	assert_true(r->n_samples < SAMPLES_MAX);
	r->samples[r->n_samples] = strndup(line, (size_t)(s - line));
	for (size_t i = 0; i < r->n_samples; i++)
		if (streq(r->samples[i], r->samples[r->n_samples])) {
			r->n_samples++;
			return refuse(r, "sample comes twice");
		}
	r->n_samples++;
	return read_number(r, s + 1);
}

/** metrics_error - what is wrong with @text; NULL: nothing */
static const char *metrics_error(const char *text)
{
	_cleanup_(reader_done) Reader r = { 0 };

	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, n);

		if (text[n] != '\n')
			return "last line does not end";
		text += n + 1;
		if (streq(line, "# EOF"))
			return *text ? "text behind the end" : NULL;
		if (!(line[0] == '#' ? read_metadata(&r, line) : read_one_sample(&r, line)))
			return r.error;
	}
	return "no end";
}

/* -- The tests -------------------------------------------------------------------------------------------------------
 */

#define HEAD "# TYPE a_b counter\n# HELP a_b Text.\n"
#define END "# EOF\n"

static void test_reader(_unused_ void **state)
{
	static const char *const good[] = {
		END,
		(HEAD "a_b_total 1\n" END),
		(HEAD "a_b_total{x=\"1\",y=\"\\\\\\\"\\n}\"} 1.5\n" END),
		(HEAD END),
		("# TYPE a_s gauge\n# UNIT a_s s\n# HELP a_s T\na_s -1\n" END),
	};
	static const char *const bad[] = {
		"",
		(HEAD "a_b_total 1\n"),
		(HEAD "a_b_total 1\n# EOF"),
		(HEAD "a_b_total 1\n" END "\n"),
		(HEAD "\na_b_total 1\n" END),
		(HEAD "a_b 1\n" END),
		(HEAD "a_b_total  1\n" END),
		(HEAD "a_b_total 1 \n" END),
		(HEAD "a_b_total -1\n" END),
		(HEAD "a_b_total 0x1\n" END),
		(HEAD "a_b_total\n" END),
		(HEAD "a_b_total{x=\"1\",x=\"2\"} 1\n" END),
		(HEAD "a_b_total{x=\"1\"y=\"2\"} 1\n" END),
		(HEAD "a_b_total{x=\"\\t\"} 1\n" END),
		(HEAD "a_b_total{x=\"1} 1\n" END),
		(HEAD "a_b_total{1x=\"1\"} 1\n" END),
		(HEAD "a_b_total 1\na_b_total 1\n" END),
		(HEAD "a_b_total 1\n# UNIT a_b b\n" END),
		(HEAD HEAD "a_b_total 1\n" END),
		(HEAD "# UNIT a_b s\na_b_total 1\n" END),
		(HEAD "# hello\n" END),
		("# TYPE a stateset\n# HELP a T\na{a=\"b\"} 1\n" END),
		("# TYPE a gauge\na 1\n" END),
		("# TYPE a gauge\n# HELP a T\na 1\n" HEAD "a_b_total 1\n# TYPE a gauge\n" END),
		("a 1\n" END),
	};

	for (size_t i = 0; i < ELEMENTSOF(good); i++)
		assert_null(metrics_error(good[i]));
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		if (!metrics_error(bad[i]))
			fail_msg("not refused: %s", bad[i]);
}

/** metrics - of JSON texts, allocated */
static char *metrics(const char *manager, const char *cells)
{
	_cleanup_object_ json_object *m = json_tokener_parse(manager), *c = json_tokener_parse(cells);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(m);
	assert_non_null(c);
	ctl_metrics_write(f, m, c);
	fclose(f);
	return text;
}

static const char manager[] = "{\"Version\":\"0.1\",\"HypervisorState\":\"enabled\",\"MemPoolPages\":100,"
			      "\"MemPoolUsed\":7,\"RemapPoolPages\":50,\"RemapPoolUsed\":5}";

static void assert_line(const char *text, const char *line)
{
	char expected[256];

	snprintf(expected, sizeof(expected), "\n%s\n", line);
	if (!strstr(text, expected))
		fail_msg("no line \"%s\" in\n%s", line, text);
}

static void test_values(_unused_ void **state)
{
	_cleanup_free_ char *text = metrics(
		manager,
		"[{\"Name\":\"gps\",\"State\":\"defined\",\"Result\":\"success\",\"CPUs\":[1]},"
		"{\"Name\":\"rtos\",\"State\":\"running\",\"Health\":\"ok\",\"Result\":\"heartbeat-timeout\","
		"\"NRestarts\":2,\"HeartbeatCount\":18446744073709551615,\"HeartbeatTimeoutUSec\":500000,"
		"\"HeartbeatIntervalUSec\":18446744073709551615,\"CPUs\":[2,3],\"FailedCPUs\":[],\"Locked\":true,"
		"\"Statistics\":{\"vmexits_total\":5,\"vmexits_cpuid\":3,\"vmexits_msr_other\":2}}]");

	if (metrics_error(text))
		fail_msg("%s in\n%s", metrics_error(text), text);
	assert_line(text, "celld_build_info{version=\"0.1\"} 1");
	assert_line(text, "celld_hypervisor_state{state=\"disabled\"} 0");
	assert_line(text, "celld_hypervisor_state{state=\"enabled\"} 1");
	assert_line(text, "celld_pool_used_pages{pool=\"memory\"} 7");
	assert_line(text, "celld_cell_state{cell=\"gps\",state=\"defined\"} 1");
	assert_line(text, "celld_cell_state{cell=\"rtos\",state=\"running\"} 1");
	assert_line(text, "celld_cell_state{cell=\"rtos\",state=\"failed\"} 0");
	assert_line(text, "celld_cell_health{cell=\"rtos\",health=\"ok\"} 1");
	assert_line(text, "celld_cell_last_result{cell=\"rtos\",result=\"heartbeat-timeout\"} 1");
	assert_line(text, "celld_cell_restarts_total{cell=\"rtos\"} 2");
	assert_line(text, "celld_cell_heartbeats_total{cell=\"rtos\"} 18446744073709551615");
	assert_line(text, "# UNIT celld_cell_heartbeat_timeout_seconds seconds");
	assert_line(text, "celld_cell_heartbeat_timeout_seconds{cell=\"rtos\"} 0.500000");
	assert_line(text, "celld_cell_heartbeat_interval_seconds{cell=\"rtos\"} +Inf");
	assert_line(text, "celld_cell_cpus{cell=\"rtos\"} 2");
	assert_line(text, "celld_cell_failed_cpus{cell=\"rtos\"} 0");
	assert_line(text, "celld_cell_locked{cell=\"rtos\"} 1");
	assert_line(text, "celld_cell_vm_exits_total{cell=\"rtos\"} 5");
	assert_line(text, "celld_cell_vm_exits_by_cause_total{cell=\"rtos\",cause=\"cpuid\"} 3");
	assert_null(strstr(text, "vm_exits_total{cell=\"gps\"}"));
}

/* A daemon that is newer, older, or not ours at all. */
static void test_surprises(_unused_ void **state)
{
	_cleanup_free_ char *empty = metrics("{}", "[]");
	_cleanup_free_ char *text = metrics(
		"{\"Version\":\"a\\\"b\\\\c\\nd\",\"HypervisorState\":\"upside down\"}",
		"[{\"Name\":\"x\",\"State\":\"new\",\"Health\":3,\"CPUs\":1,\"NRestarts\":[1],\"Locked\":null}]");

	assert_null(metrics_error(empty));
	if (metrics_error(text))
		fail_msg("%s in\n%s", metrics_error(text), text);
	assert_line(text, "celld_build_info{version=\"a\\\"b\\\\c\\nd\"} 1");
	assert_line(text, "celld_hypervisor_state{state=\"upside down\"} 1");
	assert_line(text, "celld_cell_state{cell=\"x\",state=\"new\"} 1");
	assert_null(strstr(text, "celld_cell_cpus{"));
	assert_null(strstr(text, "celld_cell_restarts_total{"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_surprises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
