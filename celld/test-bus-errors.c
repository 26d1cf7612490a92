/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of error names on the bus, of the verbs' table, and of what becomes of cells that their unit has left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus-core.h"
#include "cell-error.h"

static const struct {
	int code;
	const char *name;
} errors[] = {
	{ CELL_ENOSUCHCELL, "NoSuchCell" },
	{ CELL_EEXISTS, "CellExists" },
	{ CELL_EBUSY, "Busy" },
	{ CELL_ERUNNING, "AlreadyRunning" },
	{ CELL_ENOTRUNNING, "NotRunning" },
	{ CELL_ELOCKED, "Locked" },
	{ CELL_EDENIED, "ShutdownDenied" },
	{ CELL_ECONFLICT, "ResourceConflict" },
	{ CELL_ECONFIG, "InvalidConfig" },
	{ CELL_EIMAGE, "ImageError" },
	{ CELL_EDISABLED, "HypervisorDisabled" },
	{ CELL_EUNAVAILABLE, "HypervisorUnavailable" },
	{ CELL_ELIMIT, "StartLimitHit" },
	{ CELL_EMANAGED, "UnitManaged" },
	{ CELL_ENOTSUPPORTED, "NotSupported" },
	{ CELL_ETIMEOUT, "Timeout" },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
		sd_bus_error e = SD_BUS_ERROR_NULL;
		_cleanup_free_ char *name = NULL;

		assert_true(asprintf(&name, "org.jailhouse.Cell.Error.%s", errors[i].name) > 0);
		assert_string_equal(bus_error_name(errors[i].code), name);
		assert_int_equal(bus_error_set(&e, -errors[i].code, "rtos", NULL), -errors[i].code);
		assert_string_equal(e.name, name);
		assert_non_null(strstr(e.message, "rtos"));
		sd_bus_error_free(&e);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(errors[i].code, errors[j].code);
	}
}

static void test_text(void **state)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;

	(void)state;
	bus_error_set(&e, -CELL_EIMAGE, "rtos", "100 %s are not a format");
	assert_string_equal(e.message, "100 %s are not a format");
	sd_bus_error_free(&e);
	bus_error_set(&e, -CELL_EDISABLED, NULL, "");
	assert_non_null(strstr(e.message, "hypervisor"));
	sd_bus_error_free(&e);
}

static void test_other_errors(void **state)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;

	(void)state;
	assert_null(bus_error_name(ENOMEM));
	assert_true(bus_error_set(&e, -EACCES, NULL, NULL) < 0);
	assert_string_equal(e.name, SD_BUS_ERROR_ACCESS_DENIED);
	sd_bus_error_free(&e);
	assert_true(bus_error_set(&e, -EIO, "rtos", "text") < 0);
	assert_string_equal(e.message, "text");
	sd_bus_error_free(&e);

	/* Never System.Error.ENOSPC, which is sd-bus's own. */
	assert_int_equal(bus_error_set(&e, -ENOSPC, "rtos", "text"), -ENOSPC);
	assert_string_equal(e.name, SD_BUS_ERROR_FAILED);
	sd_bus_error_free(&e);
	bus_error_set(&e, -EINVAL, "rtos", NULL);
	assert_string_equal(e.name, SD_BUS_ERROR_INVALID_ARGS);
	sd_bus_error_free(&e);
	bus_error_set(&e, -EINVAL, "rtos", "The kernel refuses");
	assert_string_equal(e.name, SD_BUS_ERROR_FAILED);
	sd_bus_error_free(&e);
}

static void test_verbs(void **state)
{
	const BusVerb *start = bus_verb_find("StartCell", NULL);

	(void)state;
	assert_non_null(start);
	assert_ptr_equal(start, bus_verb_find(NULL, "Start"));
	assert_null(bus_verb_find("Start", NULL));
	assert_null(bus_verb_find(NULL, NULL));
	for (const BusVerb *v = bus_verbs; v->run; v++) {
		assert_true(v->manager_member || v->cell_member);
		assert_int_equal(v->flags & ~15ULL, 0);
		/* Only the lease is not for polkit to give. */
		assert_int_equal(!v->action, streq_ptr(v->manager_member, "Supervise"));
	}
}

static void test_orphans(void **state)
{
	(void)state;
	assert_int_equal(bus_orphan_judge("active", "success", "on-abnormal"), BUS_ORPHAN_WAIT);
	assert_int_equal(bus_orphan_judge("activating", "signal", "on-abnormal"), BUS_ORPHAN_WAIT);
	assert_int_equal(bus_orphan_judge("deactivating", "success", "on-abnormal"), BUS_ORPHAN_WAIT);
	assert_int_equal(bus_orphan_judge("inactive", "success", "on-abnormal"), BUS_ORPHAN_STOP);
	/* Killed, and yet not restarted: it was being stopped. */
	assert_int_equal(bus_orphan_judge("failed", "signal", "on-abnormal"), BUS_ORPHAN_STOP);
	assert_int_equal(bus_orphan_judge("failed", "timeout", "always"), BUS_ORPHAN_STOP);
	/* Supervisors that fail are no reason to stop a healthy cell. */
	assert_int_equal(bus_orphan_judge("failed", "signal", "no"), BUS_ORPHAN_LEAVE);
	assert_int_equal(bus_orphan_judge("failed", "start-limit-hit", "on-abnormal"), BUS_ORPHAN_LEAVE);
	assert_int_equal(bus_orphan_judge("failed", "exit-code", "on-abnormal"), BUS_ORPHAN_LEAVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_text),    cmocka_unit_test(test_other_errors),
		cmocka_unit_test(test_verbs), cmocka_unit_test(test_orphans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
