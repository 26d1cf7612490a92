/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that survive a crash of the machine: at any moment the old contents or the new ones are there, and once a
 * function has returned 0 it is the new ones. Both wait for the disk.
 */
#ifndef CELLD_DURABLE_FILE_H
#define CELLD_DURABLE_FILE_H

#include "util.h"

/**
 * durable_file_write - create or replace @dir/@name, readable for the owner only
 * @dir: is made if only its last component is missing
 * @name: does not start with a dot
 *
 * Return: 0, -errno (and the old file is as it was, unless the last fsync failed)
 */
int durable_file_write(const char *dir, const char *name, const char *data, size_t size);

/** durable_file_remove - Return: 0, also if there is none; -errno */
int durable_file_remove(const char *dir, const char *name);

#endif
