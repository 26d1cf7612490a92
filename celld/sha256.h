/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 (FIPS 180-4) of a piece of memory.
 */
#ifndef CELLD_SHA256_H
#define CELLD_SHA256_H

#include "util.h"

#define SHA256_BYTES 32

void sha256(const void *data, size_t size, uint8_t ret[SHA256_BYTES]);

#endif
