/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of cellctl's commands: what they send, print and return. On the other end of a socket plays a celld of two
 * cells: rtos runs, gps does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "cellctl.h"

/* -- The other end ---------------------------------------------------------------------------------------------------
 */

typedef struct FakeCell {
	const char *name, *state, *health;
	uint32_t n_restarts;
	uint64_t beats, timeout_usec;
	int locked;
} FakeCell;

static FakeCell fake_cells[] = {
	{ "rtos", "running", "ok", 2, 1234, 500000, 1 },
	{ "gps", "defined", "none", 0, 0, 0, 0 },
};

static FakeCell *fake_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(fake_cells); i++)
		if (streq(fake_cells[i].name, name))
			return &fake_cells[i];
	return NULL;
}

static int fake_cpus(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		     void *userdata, sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
	return sd_bus_message_append(reply, "au", 4, 1, 2, 3, 6);
}

static int fake_failed_cpus(sd_bus *bus, const char *path, const char *interface, const char *property,
			    sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const FakeCell *cell = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return streq(cell->name, "rtos") ? sd_bus_message_append(reply, "au", 1, 6)
					 : sd_bus_message_append(reply, "au", 0);
}

static int fake_verb(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const FakeCell *cell;
	uint64_t flags = 0;
	const char *name;
	int r;

	(void)userdata;
	r = sd_bus_message_read(m, "s", &name);
	if (r >= 0 && !streq(sd_bus_message_get_member(m), "ResetFailedCell"))
		r = sd_bus_message_read(m, "t", &flags);
	if (r < 0)
		return r;
	cell = fake_find(name);
	if (!cell)
		return sd_bus_error_setf(error, "org.jailhouse.Cell.Error.NoSuchCell", "There is no cell %s", name);
	if (streq(sd_bus_message_get_member(m), "StartCell") && streq(cell->state, "running"))
		return sd_bus_error_setf(error, "org.jailhouse.Cell.Error.AlreadyRunning", "Cell %s is running already",
					 name);
	if (streq(sd_bus_message_get_member(m), "StopCell") && !streq(cell->state, "running"))
		return sd_bus_error_setf(error, "org.jailhouse.Cell.Error.NotRunning", "Cell %s is not running", name);
	if (streq(sd_bus_message_get_member(m), "UndefineCell") && flags & CTL_FLAG_NO_BLOCK)
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Flags %u", (unsigned)flags);
	if (flags & CTL_FLAG_FORCE)
		return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Flags %u", (unsigned)flags);
	return sd_bus_reply_method_return(m, NULL);
}

/** fake_define - a configuration is good if it is an object */
static int fake_define(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name, *json;
	uint64_t flags;
	int r = sd_bus_message_read(m, "sst", &name, &json, &flags);

	(void)userdata;
	if (r < 0)
		return r;
	if (json[0] != '{')
		return sd_bus_error_setf(error, "org.jailhouse.Cell.Error.InvalidConfig", "%s.json:1: not an object",
					 name);
	if (flags & CTL_FLAG_RUNTIME)
		return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Flags %u", (unsigned)flags);
	return sd_bus_reply_method_return(m, "o", "/org/jailhouse/Cell/cell/gps");
}

static int fake_hypervisor(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	uint64_t flags;
	int r = sd_bus_message_read(m, "t", &flags);

	(void)userdata;
	if (r < 0)
		return r;
	if (flags != CTL_FLAG_NO_UNIT)
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Flags %u", (unsigned)flags);
	return sd_bus_reply_method_return(m, NULL);
}

static int fake_statistics(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	if (!streq(((const FakeCell *)userdata)->state, "running"))
		return sd_bus_error_setf(error, "org.jailhouse.Cell.Error.NotRunning", "Not now");
	return sd_bus_reply_method_return(m, "a{st}", 2, "vmexits_total", UINT64_C(5000000000), "vmexits_cpuid",
					  UINT64_C(7));
}

static int fake_cpu_statistics(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	if (!streq(((const FakeCell *)userdata)->state, "running"))
		return sd_bus_error_setf(error, "org.jailhouse.Cell.Error.NotRunning", "Not now");
	return sd_bus_reply_method_return(m, "a(ua{st})", 2, 2, 2, "vmexits_total", UINT64_C(4000000000),
					  "vmexits_cpuid", UINT64_C(3), 6, 2, "vmexits_total", UINT64_C(1000000000),
					  "vmexits_cpuid", UINT64_C(4));
}

static int fake_console(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	int ends[2], r;

	(void)userdata, (void)error;
	if (pipe(ends) < 0)
		return -errno;
	r = write(ends[1], "tick 1\n\x1b[2J", 11) == 11 ? sd_bus_reply_method_return(m, "h", ends[0]) : -EIO;
	close(ends[0]);
	close(ends[1]);
	return r;
}

#define FAKE(name, type, member) SD_BUS_PROPERTY(name, type, NULL, offsetof(FakeCell, member), 0)

static const sd_bus_vtable cell_vtable[] = {
	SD_BUS_VTABLE_START(0),
	FAKE("Name", "s", name),
	FAKE("State", "s", state),
	FAKE("Health", "s", health),
	FAKE("NRestarts", "u", n_restarts),
	FAKE("HeartbeatCount", "t", beats),
	FAKE("HeartbeatTimeoutUSec", "t", timeout_usec),
	FAKE("Locked", "b", locked),
	SD_BUS_PROPERTY("CPUs", "au", fake_cpus, 0, 0),
	SD_BUS_PROPERTY("FailedCPUs", "au", fake_failed_cpus, 0, 0),
	SD_BUS_METHOD("GetStatistics", NULL, "a{st}", fake_statistics, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("GetCPUStatistics", NULL, "a(ua{st})", fake_cpu_statistics, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("OpenConsole", "t", "h", fake_console, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static const char *const fake_hypervisor_state = "enabled";

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("HypervisorState", "s", NULL, 0, 0),
	SD_BUS_METHOD("StartCell", "st", NULL, fake_verb, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StopCell", "st", NULL, fake_verb, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("ResetFailedCell", "s", NULL, fake_verb, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("DefineCell", "sst", "o", fake_define, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("UndefineCell", "st", NULL, fake_verb, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("EnableHypervisor", "t", NULL, fake_hypervisor, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int fake_serve(int fd)
{
	sd_id128_t id;
	sd_bus *bus;
	int r;

	r = sd_id128_randomize(&id);
	if (r >= 0)
		r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_fd(bus, fd, fd);
	if (r >= 0)
		r = sd_bus_set_server(bus, 1, id);
	if (r >= 0)
		r = sd_bus_set_anonymous(bus, 1);
	if (r >= 0)
		r = sd_bus_negotiate_fds(bus, 1);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0)
		r = sd_bus_add_object_manager(bus, NULL, CTL_MANAGER_PATH);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, CTL_MANAGER_PATH, CTL_MANAGER_INTERFACE, manager_vtable,
					     (void *)&fake_hypervisor_state);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(fake_cells); i++) {
		char *path = ctl_cell_path(fake_cells[i].name);

		r = sd_bus_add_object_vtable(bus, NULL, path, CTL_CELL_INTERFACE, cell_vtable, &fake_cells[i]);
		free(path);
	}
	while (r >= 0) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
	}
	return 0;
}

/* -- The tests -------------------------------------------------------------------------------------------------------
 */

typedef struct Fixture {
	Ctl ctl;
	char *text;
	size_t size;
	pid_t pid;
} Fixture;

static int set_up(void **state)
{
	Fixture *f = calloc(1, sizeof(*f));
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	f->pid = fork();
	if (f->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		_exit(fake_serve(ends[1]));
	}
	close(ends[1]);
	f->ctl = (Ctl){ .legend = true, .lines = 0, .cpu = -1 };
	f->ctl.out = open_memstream(&f->text, &f->size);
	assert_int_equal(sd_bus_new(&f->ctl.bus), 0);
	assert_int_equal(sd_bus_set_fd(f->ctl.bus, ends[0], ends[0]), 0);
	assert_true(sd_bus_set_anonymous(f->ctl.bus, 1) >= 0);
	assert_true(sd_bus_negotiate_fds(f->ctl.bus, 1) >= 0);
	assert_true(sd_bus_start(f->ctl.bus) >= 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	Fixture *f = *state;

	sd_bus_flush_close_unref(f->ctl.bus);
	waitpid(f->pid, NULL, 0);
	fclose(f->ctl.out);
	free(f->text);
	strv_free(f->ctl.properties);
	free(f);
	return 0;
}

/** output - what was printed since the last time */
static const char *output(Fixture *f)
{
	fflush(f->ctl.out);
	rewind(f->ctl.out);
	f->text[f->size] = 0;
	return f->text;
}

static char **two_arguments(char *first, char *second)
{
	static char *list[3];

	list[0] = first;
	list[1] = second;
	return list;
}

static char **arguments(char *name)
{
	return two_arguments(name, NULL);
}

#define RTOS arguments((char[]){ "rtos" })
#define GPS arguments((char[]){ "gps" })
#define NOBODY arguments((char[]){ "nobody" })
#define NOTHING arguments(NULL)

static void test_list(void **state)
{
	Fixture *f = *state;

	assert_int_equal(verb_list(&f->ctl, NOTHING), CTL_OK);
	assert_string_equal(output(f), "CELL STATE   HEALTH CPUS  BEATS RESTARTS SUPERVISOR RESULT\n"
				       "gps  defined none   1-3,6     0        0 -          -\n"
				       "rtos running ok     1-3,6  1234        2 -          -\n"
				       "\n2 cells listed.\n");
}

static void test_list_plain(void **state)
{
	Fixture *f = *state;

	f->ctl.legend = false;
	f->ctl.color = true;
	assert_int_equal(verb_list(&f->ctl, NOTHING), CTL_OK);
	assert_string_equal(output(f), "gps  defined none 1-3,6    0 0 - -\n"
				       "rtos \x1b[0;1;32mrunning\x1b[0m \x1b[0;1;32mok\x1b[0m   1-3,6 1234 2 - -\n");
}

static void test_list_json(void **state)
{
	Fixture *f = *state;

	f->ctl.json = CTL_JSON_SHORT;
	assert_int_equal(verb_list(&f->ctl, NOTHING), CTL_OK);
	assert_string_equal(
		output(f),
		"[{\"Name\":\"gps\",\"State\":\"defined\",\"Health\":\"none\",\"CPUs\":[1,2,3,6],\"HeartbeatCount\":0,"
		"\"NRestarts\":0,\"Supervisor\":null,\"Result\":null},"
		"{\"Name\":\"rtos\",\"State\":\"running\",\"Health\":\"ok\",\"CPUs\":[1,2,3,6],\"HeartbeatCount\":1234,"
		"\"NRestarts\":2,\"Supervisor\":null,\"Result\":null}]\n");
}

static void test_status(void **state)
{
	Fixture *f = *state;
	const char *text;

	assert_int_equal(verb_status(&f->ctl, RTOS), CTL_OK);
	text = output(f);
	assert_non_null(strstr(text, "* rtos\n"));
	assert_non_null(strstr(text, "       State: running; has locked the configuration\n"));
	assert_non_null(strstr(text, "      Health: ok; beat 1234; lost after 500ms\n"));
	assert_non_null(strstr(text, "        CPUs: 1-3,6; failed: 6\n"));
	assert_int_equal(verb_status(&f->ctl, GPS), CTL_NOT_RUNNING);
	assert_non_null(strstr(output(f), "       State: defined\n"));
	assert_int_equal(verb_status(&f->ctl, NOBODY), CTL_NO_SUCH_CELL);
	assert_int_equal(verb_status(&f->ctl, NOTHING), CTL_OK);
}

static void test_show(void **state)
{
	Fixture *f = *state;

	assert_int_equal(strv_split("State,HeartbeatTimeoutUSec,Nonsense,Locked", ",", &f->ctl.properties), 0);
	assert_int_equal(verb_show(&f->ctl, RTOS), CTL_OK);
	assert_string_equal(output(f), "State=running\nHeartbeatTimeoutUSec=500ms\nLocked=yes\n");
	f->ctl.value = true;
	assert_int_equal(verb_show(&f->ctl, RTOS), CTL_OK);
	assert_string_equal(output(f), "running\n500ms\nyes\n");
	f->ctl.json = CTL_JSON_SHORT;
	assert_int_equal(verb_show(&f->ctl, RTOS), CTL_OK);
	assert_string_equal(output(f), "{\"State\":\"running\",\"HeartbeatTimeoutUSec\":500000,\"Locked\":true}\n");
	assert_int_equal(verb_show(&f->ctl, NOBODY), CTL_NO_SUCH_CELL);
}

static void test_actions(void **state)
{
	Fixture *f = *state;
	char rtos[] = "rtos", gps[] = "gps", nobody[] = "nobody";
	char *all[] = { nobody, gps, rtos, NULL };

	assert_int_equal(verb_start(&f->ctl, GPS), CTL_OK);
	assert_int_equal(verb_start(&f->ctl, RTOS), CTL_FAILURE);
	assert_int_equal(verb_start(&f->ctl, NOBODY), CTL_NO_SUCH_CELL);
	assert_int_equal(verb_start(&f->ctl, all), CTL_NO_SUCH_CELL);
	assert_int_equal(verb_stop(&f->ctl, RTOS), CTL_OK);
	assert_int_equal(verb_stop(&f->ctl, GPS), CTL_NOT_RUNNING);
	assert_int_equal(verb_reset_failed(&f->ctl, GPS), CTL_OK);
	f->ctl.flags = CTL_FLAG_FORCE;
	assert_int_equal(verb_stop(&f->ctl, RTOS), CTL_FAILURE);
	/* What cannot begin is told, whoever waits; what is quick has no such flag. */
	f->ctl.flags = CTL_FLAG_NO_BLOCK;
	assert_int_equal(verb_stop(&f->ctl, RTOS), CTL_OK);
	assert_int_equal(verb_stop(&f->ctl, GPS), CTL_NOT_RUNNING);
	assert_int_equal(verb_undefine(&f->ctl, GPS), CTL_OK);
	assert_string_equal(output(f), "");
}

static void test_hypervisor(void **state)
{
	Fixture *f = *state;

	assert_int_equal(verb_hypervisor(&f->ctl, NOTHING), CTL_OK);
	assert_non_null(strstr(output(f), "  Hypervisor: enabled\n"));
	assert_int_equal(verb_hypervisor(&f->ctl, arguments((char[]){ "enable" })), CTL_FAILURE);
	f->ctl.flags = CTL_FLAG_NO_UNIT;
	assert_int_equal(verb_hypervisor(&f->ctl, arguments((char[]){ "enable" })), CTL_OK);
	assert_int_equal(verb_hypervisor(&f->ctl, arguments((char[]){ "explode" })), CTL_FAILURE);
}

static void test_stats(void **state)
{
	Fixture *f = *state;

	assert_int_equal(verb_stats(&f->ctl, RTOS), CTL_OK);
	assert_string_equal(output(f), "COUNTER              SUM\n"
				       "vmexits_total 5000000000\n"
				       "vmexits_cpuid          7\n"
				       "\n2 counters listed.\n");
	f->ctl.json = CTL_JSON_SHORT;
	assert_int_equal(verb_stats(&f->ctl, RTOS), CTL_OK);
	assert_string_equal(output(f), "{\"vmexits_total\":5000000000,\"vmexits_cpuid\":7}\n");
	f->ctl.cpu = 6;
	assert_int_equal(verb_stats(&f->ctl, RTOS), CTL_OK);
	assert_string_equal(output(f), "{\"vmexits_total\":1000000000,\"vmexits_cpuid\":4}\n");
	f->ctl.cpu = 1;
	assert_int_equal(verb_stats(&f->ctl, RTOS), CTL_FAILURE);
	assert_int_equal(verb_stats(&f->ctl, GPS), CTL_NOT_RUNNING);
}

static void test_metrics(void **state)
{
	Fixture *f = *state;
	const char *text;

	assert_int_equal(verb_metrics(&f->ctl, NOTHING), CTL_OK);
	text = output(f);
	assert_non_null(strstr(text, "\ncelld_hypervisor_state{state=\"enabled\"} 1\n"));
	assert_non_null(strstr(text, "\ncelld_cell_restarts_total{cell=\"rtos\"} 2\n"));
	assert_non_null(strstr(text, "\ncelld_cell_vm_exits_total{cell=\"rtos\"} 5000000000\n"));
	assert_null(strstr(text, "celld_cell_vm_exits_total{cell=\"gps\"}"));
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	f->ctl.json = CTL_JSON_SHORT;
	assert_int_equal(verb_metrics(&f->ctl, NOTHING), CTL_FAILURE);
}

static void test_console(void **state)
{
	Fixture *f = *state;

	assert_int_equal(verb_console(&f->ctl, RTOS), CTL_OK);
	/* not a terminal, so as it came */
	assert_string_equal(output(f), "tick 1\n\x1b[2J");
	assert_int_equal(verb_console(&f->ctl, NOBODY), CTL_NO_SUCH_CELL);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_config(void **state)
{
	static const char cell[] =
		"{\"name\": \"gps\", \"cpus\": 1,\n\"memory\": [{\"virt\": 0, \"size\": \"4K\", \"flags\": "
		"[\"read\", \"write\", \"execute\", \"comm-region\"]}],\n\"id\": 5}";
	Fixture *f = *state;
	char dir[] = "/tmp/celld-test-XXXXXX", json[64], blob[64], expected[512], command[64];
	char *dirs[] = { dir, NULL };

	assert_non_null(mkdtemp(dir));
	snprintf(json, sizeof(json), "%s/gps.json", dir);
	snprintf(blob, sizeof(blob), "%s/gps.cell", dir);
	write_file(json, cell);
	f->ctl.config_dirs = dirs;

	assert_int_equal(verb_check(&f->ctl, arguments(json)), CTL_FAILURE);
	snprintf(expected, sizeof(expected),
		 "warning: there is no system.json, so cells are checked by themselves\n"
		 "%s:3: warning: id: must be 0, the kernel module chooses it\n"
		 "%s:2: memory[0].flags: a \"comm-region\" can only be read and written\n"
		 "%s:1: warning: no images, so there is nothing to run\n",
		 json, json, json);
	assert_string_equal(output(f), expected);
	assert_int_equal(verb_check(&f->ctl, NOBODY), CTL_NO_SUCH_CELL);
	(void)output(f);

	f->ctl.output = blob;
	assert_int_equal(verb_export(&f->ctl, arguments(json)), CTL_OK);
	f->ctl.output = NULL;
	assert_int_equal(verb_import(&f->ctl, arguments(blob)), CTL_OK);
	assert_non_null(strstr(output(f), "  \"name\": \"gps\",\n"));
	assert_int_equal(verb_import(&f->ctl, arguments(json)), CTL_FAILURE);
	assert_int_equal(verb_export(&f->ctl, NOBODY), CTL_NO_SUCH_CELL);
	assert_int_equal(verb_export(&f->ctl, NOTHING), CTL_FAILURE);

	f->ctl.config_dirs = NULL;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void test_define(void **state)
{
	char good[] = "/tmp/celld-test-XXXXXX", bad[] = "/tmp/celld-test-XXXXXX";
	Fixture *f = *state;

	close(mkstemp(good));
	close(mkstemp(bad));
	write_file(good, "{}");
	write_file(bad, "[]");
	assert_int_equal(verb_define(&f->ctl, two_arguments((char[]){ "gps" }, good)), CTL_OK);
	assert_int_equal(verb_define(&f->ctl, two_arguments((char[]){ "gps" }, bad)), CTL_FAILURE);
	assert_int_equal(verb_define(&f->ctl, two_arguments((char[]){ "no/name" }, good)), CTL_FAILURE);
	assert_int_equal(verb_define(&f->ctl, two_arguments((char[]){ "gps" }, (char[]){ "/nowhere" })), CTL_FAILURE);
	/* not a text, so nothing that could go over the bus */
	assert_int_equal(truncate(good, 100), 0);
	assert_int_equal(verb_define(&f->ctl, two_arguments((char[]){ "gps" }, good)), CTL_FAILURE);
	write_file(good, "{ \"\xff\" }");
	assert_int_equal(verb_define(&f->ctl, two_arguments((char[]){ "gps" }, good)), CTL_FAILURE);
	write_file(good, "{}");
	f->ctl.flags = CTL_FLAG_RUNTIME;
	assert_int_equal(verb_define(&f->ctl, two_arguments((char[]){ "gps" }, good)), CTL_FAILURE);
	f->ctl.flags = 0;
	assert_int_equal(verb_undefine(&f->ctl, GPS), CTL_OK);
	assert_int_equal(verb_undefine(&f->ctl, NOBODY), CTL_NO_SUCH_CELL);
	assert_int_equal(verb_undefine(&f->ctl, arguments((char[]){ "\xff" })), CTL_FAILURE);
	assert_int_equal(verb_undefine(&f->ctl, GPS), CTL_OK);
	unlink(good);
	unlink(bad);
}

int main(void)
{
#define CTL_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CTL_TEST(test_list),	CTL_TEST(test_list_plain), CTL_TEST(test_list_json),  CTL_TEST(test_status),
		CTL_TEST(test_show),	CTL_TEST(test_actions),	   CTL_TEST(test_hypervisor), CTL_TEST(test_stats),
		CTL_TEST(test_console), CTL_TEST(test_config),	   CTL_TEST(test_metrics),    CTL_TEST(test_define),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
