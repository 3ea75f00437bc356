/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decode.h"
#include "matcher/fingerprint.h"
#include "matcher/utf8.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A whole file, without the sandbox: samples and facts within the bounds, or a
 * refusal that leaves nothing behind. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct pcm pcm;
    struct audio_facts facts;
    struct error err = {0};
    int fd = memfd_create("input", MFD_CLOEXEC);

    decode_prepare();
    if (fd < 0 || write(fd, bytes, length) != (ssize_t)length) {
        abort();
    }
    const struct decode_input input = {.fd = fd, .size_bytes = length};
    enum status status = decode_file(&pcm, &facts, &input, &err);
    (void)close(fd);
    if (status != STATUS_OK) {
        assert(status == STATUS_INVALID || status == STATUS_NO_MEMORY);
        assert(err.code[0] != '\0');
        assert(pcm.samples == NULL && facts.cover.bytes == NULL);
        return 0;
    }
    assert(facts.duration_ms >= FINGERPRINT_MIN_MS);
    assert(facts.duration_ms <= DECODE_MAX_MS);
    assert(facts.channels >= 1 && facts.channels <= DECODE_MAX_CHANNELS);
    assert(facts.cover.length <= DECODE_MAX_COVER_BYTES);
    assert(utf8_valid(facts.tags.title, strlen(facts.tags.title)));
    pcm_clear(&pcm);
    audio_facts_clear(&facts);
    return 0;
}
