/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_CLIENT_FACTS_H
#define REFRAIN_API_CLI_CLIENT_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/** What a download says about itself in its headers. Pure. */

enum { CLIENT_ETAG_SIZE = 160, CLIENT_NAME_SIZE = 256 };
struct client_facts {
    char etag[CLIENT_ETAG_SIZE];      /* with its quotes; "" none */
    char content_type[64];            /* "audio/flac"; "" none */
    char file_name[CLIENT_NAME_SIZE]; /* of Content-Disposition; foreign! */
    uint64_t size_bytes;              /* of the whole representation */
    uint64_t first_byte;              /* where this answer starts */
    bool partial;                     /* Content-Range was there */
};

/** Takes over one header line, without its line end; lines that say nothing
 *  of the above, or not in a form that RFC 9110 and RFC 6266 allow, are
 *  passed over.
 *  facts  starts zeroed */
void client_facts_read(struct client_facts *facts, const char *line);

#endif
