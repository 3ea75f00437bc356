/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/audio.h"

#include <stdlib.h>

void pcm_clear(struct pcm *pcm)
{
    free(pcm->samples);
    free(pcm->side);
    *pcm = (struct pcm){0};
}

void audio_facts_clear(struct audio_facts *facts)
{
    buffer_clear(&facts->cover);
    *facts = (struct audio_facts){0};
}
