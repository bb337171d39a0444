/* SPDX-License-Identifier: MIT
 *
 * A writer for flat JSON objects, one a line. Text that is not UTF-8 is
 * written with U+FFFD in place of each broken byte, so a line always parses.
 */
#include <float.h>
#include <inttypes.h>

#include "tool.h"

static void put_escaped(FILE *file, unsigned char byte)
{
    switch (byte) {
    case '\n':
        fputs("\\n", file);
        break;
    case '\t':
        fputs("\\t", file);
        break;
    default:
        if (byte < 0x80) {
            fprintf(file, "\\u%04x", byte);
        } else {
            fputs("\\ufffd", file);
        }
        break;
    }
}

static void put_string(FILE *file, const char *text)
{
    fputc('"', file);
    while (*text != '\0') {
        size_t length = tool_printable(text);

        if (length == 0) {
            put_escaped(file, (unsigned char)*text);
            length = 1;
        } else {
            if (*text == '"' || *text == '\\') {
                fputc('\\', file);
            }
            fwrite(text, 1, length, file);
        }
        text += length;
    }
    fputc('"', file);
}

static void put_key(tool_json *json, const char *key)
{
    fputs(json->first ? "" : ",", json->file);
    json->first = false;
    put_string(json->file, key);
    fputc(':', json->file);
}

void tool_json_begin(tool_json *json, FILE *file)
{
    json->file = file;
    json->first = true;
    fputc('{', file);
}

void tool_json_text(tool_json *json, const char *key, const char *value)
{
    put_key(json, key);
    put_string(json->file, value);
}

void tool_json_u64(tool_json *json, const char *key, uint64_t value)
{
    put_key(json, key);
    fprintf(json->file, "%" PRIu64, value);
}

void tool_json_double(tool_json *json, const char *key, double value)
{
    put_key(json, key);
    if (value >= -DBL_MAX && value <= DBL_MAX) {
        fprintf(json->file, "%.6g", value);
    } else {
        fputs("null", json->file);
    }
}

void tool_json_bool(tool_json *json, const char *key, bool value)
{
    put_key(json, key);
    fputs(value ? "true" : "false", json->file);
}

void tool_json_end(tool_json *json)
{
    fputs("}\n", json->file);
}
