/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client as others write it: all it knows of celld is what gdbus-codegen makes of the XML in bus/. It drives a cell
 * through a life, with a failure on the way.
 *
 * Usage: test-client CELLD-SIM; expects a simulated celld with a cell "rtos" on the system bus.
 */
#include <stdbool.h>

#include "cell-client.h"

#define NAME "org.jailhouse.Cell"
#define ROOT "/org/jailhouse/Cell"
#define NO_UNIT 4
#define PATIENCE_SECONDS 60

static const char *sim;
static GDBusObjectManager *objects; /**< passes the signals on */
static JailhouseCellManager *manager;
static JailhouseCell *cell;
static GString *seen;	/**< states in their order */
static GString *failed; /**< result and cause */

static gboolean on_deadline(gpointer over)
{
	*(bool *)over = true;
	return G_SOURCE_REMOVE;
}

/** wait_for - turn the loop until a string contains another one */
static void wait_for(const GString *text, const char *wanted)
{
	bool over = false;
	guint timer = g_timeout_add_seconds(PATIENCE_SECONDS, on_deadline, &over);

	while (!strstr(text->str, wanted) && !over)
		g_main_context_iteration(NULL, TRUE);
	if (over)
		g_error("waited in vain for \"%s\", there is: %s", wanted, text->str);
	g_source_remove(timer);
}

static void on_state(JailhouseCell *c, G_GNUC_UNUSED GParamSpec *spec, G_GNUC_UNUSED gpointer data)
{
	g_string_append_printf(seen, "%s;", jailhouse_cell_get_state(c));
}

static void on_failed(G_GNUC_UNUSED JailhouseCell *c, const char *result, GVariant *details,
		      G_GNUC_UNUSED gpointer data)
{
	const char *cause = "";

	(void)g_variant_lookup(details, "cause", "&s", &cause);
	g_string_append_printf(failed, "%s %s;", result, cause);
}

static void play(const char *verb, const char *argument)
{
	const char *command[] = { sim, verb, "rtos", argument, NULL };
	GError *error = NULL;
	int status = -1;

	g_spawn_sync(NULL, (char **)command, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
}

static void test_objects(void)
{
	GDBusInterface *found;
	GError *error = NULL;

	objects = jailhouse_object_manager_client_new_for_bus_sync(
		G_BUS_TYPE_SYSTEM, G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_NONE, NAME, ROOT, NULL, &error);
	g_assert_no_error(error);
	found = g_dbus_object_manager_get_interface(objects, ROOT "/cell/rtos", NAME);
	g_assert_nonnull(found);
	cell = JAILHOUSE_CELL(found);
	g_assert_cmpstr(jailhouse_cell_get_name(cell), ==, "rtos");
	g_assert_cmpstr(jailhouse_cell_get_state(cell), ==, "defined");
	g_signal_connect(cell, "notify::state", G_CALLBACK(on_state), NULL);
	g_signal_connect(cell, "failed", G_CALLBACK(on_failed), NULL);

	manager = jailhouse_cell_manager_proxy_new_for_bus_sync(G_BUS_TYPE_SYSTEM, G_DBUS_PROXY_FLAGS_NONE, NAME, ROOT,
								NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(jailhouse_cell_manager_get_hypervisor_state(manager), ==, "enabled");
}

static void test_start(void)
{
	GError *error = NULL;

	jailhouse_cell_manager_call_start_cell_sync(manager, "rtos", NO_UNIT, NULL, &error);
	g_assert_no_error(error);
	wait_for(seen, "starting;running;");
	g_assert_cmpstr(jailhouse_cell_get_supervisor(cell), ==, "celld");
}

static void test_failure(void)
{
	g_string_truncate(seen, 0);
	play("park", "pio");
	wait_for(failed, "cpu-failed pio;");
	wait_for(seen, "restarting;starting;running;");
	g_assert_cmpuint(jailhouse_cell_get_nrestarts(cell), ==, 1);
}

static void test_stop(void)
{
	GError *error = NULL;

	jailhouse_cell_call_stop_sync(cell, NO_UNIT, NULL, &error);
	g_assert_no_error(error);
	wait_for(seen, "stopping;defined;");
}

static void test_error(void)
{
	GError *error = NULL;
	char *name;

	jailhouse_cell_call_stop_sync(cell, NO_UNIT, NULL, &error);
	name = g_dbus_error_get_remote_error(error);
	g_assert_cmpstr(name, ==, NAME ".Error.NotRunning");
	g_free(name);
	g_error_free(error);
}

int main(int argc, char *argv[])
{
	int status;

	g_test_init(&argc, &argv, NULL);
	if (argc < 2)
		return EXIT_FAILURE;
	sim = argv[1];
	seen = g_string_new(NULL);
	failed = g_string_new(NULL);
	g_test_add_func("/client/objects", test_objects);
	g_test_add_func("/client/start", test_start);
	g_test_add_func("/client/failure", test_failure);
	g_test_add_func("/client/stop", test_stop);
	g_test_add_func("/client/error", test_error);
	status = g_test_run();
	g_clear_object(&cell);
	g_clear_object(&manager);
	g_clear_object(&objects);
	g_string_free(seen, TRUE);
	g_string_free(failed, TRUE);
	return status;
}
