/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* Whatever the bytes: a bounded sketch that packs and unpacks to itself, or a
 * refusal that leaves nothing behind. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct sketch sketch;
    struct sketch again;
    struct buffer packed = {0};

    if (sketch_unpack(&sketch, bytes, length, NULL) != STATUS_OK) {
        assert(sketch.mid.cells == NULL && sketch.side.cells == NULL);
        return 0;
    }
    assert(sketch.frame_count >= 1 && sketch.frame_count <= SKETCH_MAX_FRAMES);
    enum status status = sketch_pack(&packed, &sketch, NULL);
    assert(status == STATUS_OK);
    status = sketch_unpack(&again, packed.bytes, packed.length, NULL);
    assert(status == STATUS_OK);
    size_t cells = sketch.frame_count * SKETCH_FRAME_BYTES;
    assert(again.frame_count == sketch.frame_count);
    assert(again.side_db == sketch.side_db);
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        assert(again.mid.base_db[band] == sketch.mid.base_db[band]);
        assert(again.side.base_db[band] == sketch.side.base_db[band]);
    }
    assert(memcmp(again.mid.cells, sketch.mid.cells, cells) == 0);
    assert((again.side.cells == NULL) == (sketch.side.cells == NULL));
    assert(again.side.cells == NULL ||
           memcmp(again.side.cells, sketch.side.cells, cells) == 0);
    sketch_clear(&sketch);
    sketch_clear(&again);
    buffer_clear(&packed);
    return 0;
}
