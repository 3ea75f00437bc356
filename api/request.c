/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/request.h"

#include "api/connection.h"

#include <assert.h>
#include <microhttpd.h>
#include <string.h>

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                       name);
}

/* ---- what life.c needs of a connection ---- */

struct guarded *connection_guarded(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

void connection_suspend(struct MHD_Connection *connection)
{
    MHD_suspend_connection(connection);
}

void connection_resume(struct MHD_Connection *connection)
{
    MHD_resume_connection(connection);
}

static enum MHD_Result add_field(void *cls, enum MHD_ValueKind kind,
                                 const char *name, size_t name_length,
                                 const char *value, size_t value_length)
{
    (void)kind;
    struct strict_head *head = cls;
    if (head->field_count < STRICT_FIELDS_MAX) {
        head->fields[head->field_count] =
            (struct strict_field){.name = name,
                                  .name_length = name_length,
                                  .value = value == NULL ? "" : value,
                                  .value_length = value_length};
    }
    head->field_count++;
    return MHD_YES;
}

enum status connection_head(struct MHD_Connection *connection,
                            struct strict_head *out, struct error *err)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    assert(info != NULL);
    out->size = info->header_size;
    out->field_count = 0;
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, add_field,
                                      out);
    if (out->field_count > STRICT_FIELDS_MAX) {
        return error_set(err, STATUS_LIMIT, "too_many_headers",
                         "send at most %d headers", STRICT_FIELDS_MAX);
    }
    return STATUS_OK;
}
