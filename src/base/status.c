/* SPDX-License-Identifier: MIT
 *
 * Names and texts of statuses, and the sentence that describes a failure.
 *
 * The functions by status come from WEFT_STATUS_LIST, so a status cannot be
 * forgotten here.
 */
#include <weft/base.h>

#include <stdio.h>

#include "os/os.h"

/* More than any system's text for one error code. */
#define OS_TEXT_BYTES 256

#define STATUS_TEXT(name, value, text)                                         \
    case name:                                                                 \
        return text;

#define STATUS_NAME(name, value, text)                                         \
    case name:                                                                 \
        return #name;

const char *weft_status_text(weft_status status)
{
    switch (status) {
        WEFT_STATUS_LIST(STATUS_TEXT)
    }
    return "unknown status";
}

const char *weft_status_name(weft_status status)
{
    switch (status) {
        WEFT_STATUS_LIST(STATUS_NAME)
    }
    return "unknown status";
}

int weft_detail_text(const weft_detail *detail, char *text, size_t bytes)
{
    const char *status = weft_status_text(detail->status);
    const char *operation = detail->operation;
    const char *colon = ": ";
    char system[OS_TEXT_BYTES];

    /* A success, and a failure found before any step, have no operation. */
    if (operation == NULL) {
        operation = "";
        colon = "";
    }
    if (detail->os_code == 0) {
        return snprintf(text, bytes, "%s%s%s", operation, colon, status);
    }
    weftos_error_text(detail->os_code, system, sizeof(system));
    return snprintf(text, bytes, "%s%s%s (%s)", operation, colon, status,
                    system);
}
