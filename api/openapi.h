/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_OPENAPI_H
#define REFRAIN_API_OPENAPI_H

#include <stddef.h>
#include <stdint.h>

/** api/openapi.json, built into the program (embed.cmake). */
extern const uint8_t openapi_json[];
extern const size_t openapi_json_length;

#endif
