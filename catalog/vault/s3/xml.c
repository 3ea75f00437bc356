/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/s3/xml.h"

#include "matcher/buffer.h"

#include <libxml/xmlreader.h>

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 6, TEXT_SIZE = S3_KEY_SIZE, TEXT_MAX = TEXT_SIZE - 1 };

static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void)
{
    xmlInitParser(); /* must not run in two threads at once */
}

/* Libraries do not print: libxml2 would, without this. */
static void say_nothing(void *context, const char *message,
                        xmlParserSeverities severity,
                        xmlTextReaderLocatorPtr where)
{
    (void)context;
    (void)message;
    (void)severity;
    (void)where;
}

static xmlTextReaderPtr reader_new(const void *bytes, size_t length)
{
    assert(length <= S3_LISTING_MAX_BYTES);
    (void)pthread_once(&started, start);
    xmlTextReaderPtr reader =
        xmlReaderForMemory(bytes, (int)length, NULL, NULL,
                           XML_PARSE_NONET | XML_PARSE_NOERROR |
                               XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    if (reader != NULL) {
        xmlTextReaderSetErrorHandler(reader, say_nothing, NULL);
    }
    return reader;
}

/* The text of the element in hand: only leaves have one. */
struct text {
    char bytes[TEXT_SIZE];
    size_t length;
};

static bool text_add(struct text *text, const char *more)
{
    size_t length = more == NULL ? 0 : strlen(more);
    if (length > TEXT_MAX - text->length) {
        return false;
    }
    memcpy(text->bytes + text->length, more == NULL ? "" : more, length);
    text->length += length;
    text->bytes[text->length] = '\0';
    return true;
}

/* What a reader of documents wants to hear: each end of an element, by its
 * depth (the root has 0) and name, with the text right before it. */
typedef bool element_end(void *context, int depth, const char *name,
                         const char *text);

struct walk {
    xmlTextReaderPtr reader;
    const char *root;
    element_end *end;
    void *context;
    struct text text;
};

static bool walk_element(struct walk *walk, int depth, const char *name)
{
    if (depth > DEPTH_MAX || (depth == 0 && strcmp(name, walk->root) != 0)) {
        return false;
    }
    walk->text = (struct text){0};
    return xmlTextReaderIsEmptyElement(walk->reader) != 1 ||
           walk->end(walk->context, depth, name, "");
}

static bool walk_node(struct walk *walk)
{
    int depth = xmlTextReaderDepth(walk->reader);
    const char *name = (const char *)xmlTextReaderConstLocalName(walk->reader);
    switch (xmlTextReaderNodeType(walk->reader)) {
    case XML_READER_TYPE_ELEMENT:
        return walk_element(walk, depth, name);
    case XML_READER_TYPE_END_ELEMENT: {
        bool good = walk->end(walk->context, depth, name, walk->text.bytes);
        walk->text = (struct text){0};
        return good;
    }
    case XML_READER_TYPE_TEXT:
    case XML_READER_TYPE_CDATA:
    case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
        return text_add(&walk->text,
                        (const char *)xmlTextReaderConstValue(walk->reader));
    case XML_READER_TYPE_DOCUMENT_TYPE:
    case XML_READER_TYPE_ENTITY_REFERENCE:
        return false;
    default: /* comments, blanks, instructions */
        return true;
    }
}

/* false: no document of that root, or not all of it could be read. */
static bool walk_document(const char *root, element_end *end, void *context,
                          const void *bytes, size_t length)
{
    struct walk walk = {.root = root, .end = end, .context = context};
    walk.reader = reader_new(bytes, length);
    if (walk.reader == NULL) {
        return false;
    }
    int more = xmlTextReaderRead(walk.reader);
    while (more == 1 && walk_node(&walk)) {
        more = xmlTextReaderRead(walk.reader);
    }
    xmlFreeTextReader(walk.reader);
    return more == 0;
}

/* --- listings ------------------------------------------------------------- */

struct listing_walk {
    struct s3_listing *out;
    const char *prefix;
    size_t contents_count;
    char key[S3_KEY_SIZE]; /* of the object in hand; "": none yet */
    uint64_t size_bytes;
    bool has_size;
    bool said_truncated;
};

static bool read_number(uint64_t *out, const char *text)
{
    size_t length = strlen(text);
    if (length < 1 || length > 18 || strspn(text, "0123456789") != length) {
        return false;
    }
    *out = strtoull(text, NULL, 10);
    return true;
}

/* strcmp() is the order of S3: bytes of UTF-8. */
static bool end_contents(struct listing_walk *walk)
{
    struct s3_listing *out = walk->out;
    struct store_entry *entry = out->entries + out->entry_count;
    walk->contents_count++;
    if (walk->contents_count > S3_LISTING_MAX_ENTRIES || walk->key[0] == '\0' ||
        !walk->has_size || strcmp(walk->key, out->last_key) <= 0) {
        return false;
    }
    memcpy(out->last_key, walk->key, sizeof out->last_key);
    if (s3_key_name(entry->name, walk->prefix, walk->key)) {
        entry->size_bytes = walk->size_bytes;
        out->entry_count++;
    }
    walk->key[0] = '\0';
    walk->has_size = false;
    return true;
}

static bool listing_end(void *context, int depth, const char *name,
                        const char *text)
{
    struct listing_walk *walk = context;
    if (depth == 1 && strcmp(name, "IsTruncated") == 0) {
        walk->said_truncated = true;
        walk->out->truncated = strcmp(text, "true") == 0;
        return walk->out->truncated || strcmp(text, "false") == 0;
    }
    if (depth == 1 && strcmp(name, "Contents") == 0) {
        return end_contents(walk);
    }
    if (depth == 2 && strcmp(name, "Key") == 0) {
        memcpy(walk->key, text, strlen(text) + 1);
    }
    if (depth == 2 && strcmp(name, "Size") == 0) {
        walk->has_size = read_number(&walk->size_bytes, text);
    }
    return true;
}

enum status s3_listing_read(struct s3_listing *out, const char *prefix,
                            const char *after, const void *bytes, size_t length,
                            struct error *err)
{
    struct listing_walk walk = {.out = out, .prefix = prefix};
    *out = (struct s3_listing){0};
    out->entries = calloc(S3_LISTING_MAX_ENTRIES + 1, sizeof *out->entries);
    if (out->entries == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for a listing of the store");
    }
    assert(strlen(after) < sizeof out->last_key);
    memcpy(out->last_key, after, strlen(after) + 1);
    if (length > S3_LISTING_MAX_BYTES ||
        !walk_document("ListBucketResult", listing_end, &walk, bytes, length) ||
        !walk.said_truncated || (out->truncated && walk.contents_count == 0)) {
        s3_listing_clear(out);
        return error_set(err, STATUS_UNAVAILABLE, "store_listing",
                         "the store gives a listing of its bucket that cannot "
                         "be read: check that its endpoint speaks S3");
    }
    return STATUS_OK;
}

void s3_listing_clear(struct s3_listing *listing)
{
    free(listing->entries);
    *listing = (struct s3_listing){0};
}

/* --- errors --------------------------------------------------------------- */

static bool error_end(void *context, int depth, const char *name,
                      const char *text)
{
    static const char letters[] = "0123456789"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char *code = context;
    size_t length = strlen(text);
    if (depth == 1 && strcmp(name, "Code") == 0 && length < S3_CODE_SIZE &&
        strspn(text, letters) == length) {
        memcpy(code, text, length + 1);
    }
    return true;
}

void s3_error_code(char out[S3_CODE_SIZE], const void *bytes, size_t length)
{
    out[0] = '\0';
    if (length > 0 && length <= S3_LISTING_MAX_BYTES) {
        (void)walk_document("Error", error_end, out, bytes, length);
    }
}
