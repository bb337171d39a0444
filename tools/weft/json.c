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

/* ---------------------------------------------------------------- data --- */

static bool is_utf8(const char *text, size_t bytes)
{
    size_t length = 1;
    uint32_t code;

    for (size_t at = 0; at < bytes && length != 0; at += length) {
        length = tool_utf8(text + at, bytes - at, &code);
    }
    return length != 0;
}

static void put_text(FILE *file, const char *text, size_t bytes)
{
    size_t length;

    for (size_t at = 0; at < bytes; at += length) {
        uint32_t code = 0;

        length = tool_utf8(text + at, bytes - at, &code);
        if (tool_is_control(code)) {
            fprintf(file, "\\u%04" PRIx32, code);
            continue;
        }
        if (code == '"' || code == '\\') {
            fputc('\\', file);
        }
        fwrite(text + at, 1, length, file);
    }
}

static void put_base64(FILE *file, const unsigned char *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t at = 0; at < bytes; at += 3) {
        size_t left = bytes - at;
        uint32_t three = (uint32_t)data[at] << 16 |
                         (left > 1 ? (uint32_t)data[at + 1] << 8 : 0) |
                         (left > 2 ? data[at + 2] : 0);

        fputc(digits[three >> 18], file);
        fputc(digits[three >> 12 & 63], file);
        fputc(left > 1 ? digits[three >> 6 & 63] : '=', file);
        fputc(left > 2 ? digits[three & 63] : '=', file);
    }
}

void tool_json_data(tool_json *json, const void *data, size_t bytes)
{
    bool text = is_utf8(data, bytes);

    put_key(json, text ? "text" : "base64");
    fputc('"', json->file);
    if (text) {
        put_text(json->file, data, bytes);
    } else {
        put_base64(json->file, data, bytes);
    }
    fputc('"', json->file);
}

void tool_json_u64(tool_json *json, const char *key, uint64_t value)
{
    put_key(json, key);
    fprintf(json->file, "%" PRIu64, value);
}

void tool_json_i64(tool_json *json, const char *key, int64_t value)
{
    put_key(json, key);
    fprintf(json->file, "%" PRId64, value);
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

void tool_json_list_begin(tool_json *json, const char *key)
{
    put_key(json, key);
    fputc('[', json->file);
    json->first = true;
}

void tool_json_list_item(tool_json *json, const char *value)
{
    fputs(json->first ? "" : ",", json->file);
    json->first = false;
    put_string(json->file, value);
}

void tool_json_list_end(tool_json *json)
{
    fputc(']', json->file);
    json->first = false;
}

void tool_json_end(tool_json *json)
{
    fputs("}\n", json->file);
}
