/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can go wrong with a cell, as errno values: celld uses these inside, bus-errors.c gives them their names on the
 * bus.
 *
 * Each number stands for one thing only, so code that returns one of them by way of a system call translates it first.
 */
#ifndef CELLD_CELL_ERROR_H
#define CELLD_CELL_ERROR_H

#include <errno.h>

#define CELL_ENOSUCHCELL ENXIO	      /**< NoSuchCell */
#define CELL_EEXISTS EEXIST	      /**< CellExists */
#define CELL_EBUSY EBUSY	      /**< Busy: another operation runs on it */
#define CELL_ERUNNING EALREADY	      /**< AlreadyRunning */
#define CELL_ENOTRUNNING ESRCH	      /**< NotRunning */
#define CELL_ELOCKED EDEADLK	      /**< Locked: a cell has locked the configuration */
#define CELL_EDENIED ECONNREFUSED     /**< ShutdownDenied: the cell refused */
#define CELL_ECONFLICT EADDRINUSE     /**< ResourceConflict */
#define CELL_ECONFIG EBADMSG	      /**< InvalidConfig */
#define CELL_EIMAGE ENOEXEC	      /**< ImageError */
#define CELL_EDISABLED ENETDOWN	      /**< HypervisorDisabled */
#define CELL_EUNAVAILABLE ENODEV      /**< HypervisorUnavailable: no module, or no suitable machine */
#define CELL_ELIMIT ECANCELED	      /**< StartLimitHit */
#define CELL_EMANAGED EUSERS	      /**< UnitManaged: a unit's supervisor holds the lease */
#define CELL_ENOTSUPPORTED EOPNOTSUPP /**< NotSupported */
#define CELL_ETIMEOUT ETIMEDOUT	      /**< Timeout */

#endif
