/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_UNIT_MATCHER_CMOCKA_ALL_H
#define REFRAIN_TESTS_UNIT_MATCHER_CMOCKA_ALL_H

/** cmocka.h needs these before it, in this order. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
