/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/waiting.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum status waiting_begin(struct waiting *out, const struct request *request,
                          struct error *err)
{
    uint64_t wait_s = 0;
    *out = (struct waiting){.until_ms = request->now_ms};
    if (request->run > 0) {
        char *end = NULL;
        out->until_ms = strtoll(request->note, &end, 10);
        assert(*end == ' '); /* the note is ours */
        (void)snprintf(out->id, sizeof out->id, "%s", end + 1);
        return STATUS_OK;
    }
    enum status status =
        request_number(request, "wait", 0, WAIT_MAX_S, 0, &wait_s, err);
    if (status == STATUS_OK) {
        out->until_ms += (int64_t)wait_s * 1000;
    }
    return status;
}

void waiting_note(struct request *request, const struct waiting *waiting)
{
    int length = snprintf(request->note, sizeof request->note, "%" PRId64 " %s",
                          waiting->until_ms, waiting->id);
    assert(length > 0 && (size_t)length < sizeof request->note);
}
