/* SPDX-License-Identifier: MIT
 *
 * The system's counters of the memory of graphics devices, which Windows 10
 * 1709 and later have. IDXGIAdapter3::QueryVideoMemoryInfo is not asked: it
 * tells of the process that asks alone.
 */
#include "gpu.h"

#include <stdlib.h>

#include "win.h"

#include <pdh.h>
#include <pdhmsg.h>

/* More than a busy system's counter has, of 100 bytes each. */
#define BYTES_MOST ((DWORD)1 << 24)

typedef PDH_STATUS WINAPI open_query(LPCWSTR source, DWORD_PTR data,
                                     PDH_HQUERY *query);
typedef PDH_STATUS WINAPI add_counter(PDH_HQUERY query, LPCWSTR path,
                                      DWORD_PTR data, PDH_HCOUNTER *counter);
typedef PDH_STATUS WINAPI collect(PDH_HQUERY query);
typedef PDH_STATUS WINAPI get_array(PDH_HCOUNTER counter, DWORD format,
                                    LPDWORD bytes, LPDWORD count,
                                    PPDH_FMT_COUNTERVALUE_ITEM_W items);
typedef PDH_STATUS WINAPI close_query(PDH_HQUERY query);

struct calls {
    open_query *open;
    add_counter *add;
    collect *collect;
    get_array *get;
    close_query *close;
};

/* ---------------------------------------------------------------- names --- */

/* Hexadecimal digits behind "0x", at least one and at most eight. */
static bool parse_half(const wchar_t **at, uint64_t *value)
{
    const wchar_t *text = *at;
    unsigned digits = 0;

    if (text[0] != L'0' || (text[1] != L'x' && text[1] != L'X')) {
        return false;
    }
    *value = 0;
    for (text += 2; digits < 8; text++, digits++) {
        wchar_t letter = *text | 0x20; /* of a digit that changes nothing */

        if (letter >= L'0' && letter <= L'9') {
            *value = *value * 16 + (uint64_t)(letter - L'0');
        } else if (letter >= L'a' && letter <= L'f') {
            *value = *value * 16 + (uint64_t)(letter - L'a' + 10);
        } else {
            break;
        }
    }
    *at = text;
    return digits > 0;
}

static bool skip(const wchar_t **at, const wchar_t *word)
{
    const wchar_t *text = *at;

    for (; *word != L'\0'; word++, text++) {
        if (*text != *word) {
            return false;
        }
    }
    *at = text;
    return true;
}

bool weftos_gpu_parse_instance(const wchar_t *name, int64_t *pid,
                               uint64_t *luid)
{
    uint64_t number = 0;
    uint64_t high;
    uint64_t low;

    *pid = 0;
    if (skip(&name, L"pid_")) {
        if (*name < L'0' || *name > L'9') {
            return false;
        }
        for (; *name >= L'0' && *name <= L'9'; name++) {
            number = number * 10 + (uint64_t)(*name - L'0');
            if (number > UINT32_MAX) {
                return false;
            }
        }
        *pid = (int64_t)number;
        if (!skip(&name, L"_")) {
            return false;
        }
    }
    if (!skip(&name, L"luid_") || !parse_half(&name, &high) ||
        !skip(&name, L"_") || !parse_half(&name, &low)) {
        return false;
    }
    *luid = high << 32 | low;
    return *name == L'\0' || *name == L'_';
}

/* --------------------------------------------------------------- asking --- */

static bool find_calls(void *library, struct calls *calls)
{
    calls->open = (open_query *)weftos_library_find(library, "PdhOpenQueryW");
    calls->add =
        (add_counter *)weftos_library_find(library, "PdhAddEnglishCounterW");
    calls->collect =
        (collect *)weftos_library_find(library, "PdhCollectQueryData");
    calls->get = (get_array *)weftos_library_find(
        library, "PdhGetFormattedCounterArrayW");
    calls->close = (close_query *)weftos_library_find(library, "PdhCloseQuery");
    return calls->open != NULL && calls->add != NULL &&
           calls->collect != NULL && calls->get != NULL && calls->close != NULL;
}

/* The values, for the caller to free; NULL: there are none. */
static PDH_FMT_COUNTERVALUE_ITEM_W *
read_items(const struct calls *calls, PDH_HCOUNTER counter, DWORD *count)
{
    PDH_FMT_COUNTERVALUE_ITEM_W *items;
    DWORD bytes = 0;

    *count = 0;
    if ((DWORD)calls->get(counter, PDH_FMT_LARGE, &bytes, count, NULL) !=
            PDH_MORE_DATA ||
        bytes == 0 || bytes > BYTES_MOST) {
        return NULL;
    }
    items = calloc(1, bytes);
    if (items != NULL && calls->get(counter, PDH_FMT_LARGE, &bytes, count,
                                    items) != ERROR_SUCCESS) {
        free(items);
        items = NULL;
    }
    return items;
}

static void tell(const struct calls *calls, PDH_HCOUNTER counter,
                 weftos_gpu_told *told, void *context)
{
    DWORD count = 0;
    PDH_FMT_COUNTERVALUE_ITEM_W *items = read_items(calls, counter, &count);

    for (DWORD i = 0; items != NULL && i < count; i++) {
        const PDH_FMT_COUNTERVALUE *value = &items[i].FmtValue;
        int64_t pid;
        uint64_t luid;

        if ((value->CStatus == PDH_CSTATUS_VALID_DATA ||
             value->CStatus == PDH_CSTATUS_NEW_DATA) &&
            value->largeValue >= 0 &&
            weftos_gpu_parse_instance(items[i].szName, &pid, &luid)) {
            told(context, pid, luid, (uint64_t)value->largeValue);
        }
    }
    free(items);
}

void weftos_gpu_count(const wchar_t *counter, weftos_gpu_told *told,
                      void *context)
{
    char why[128];
    void *library = weftos_library_open("pdh.dll", why, sizeof(why));
    struct calls calls;
    PDH_HQUERY query = NULL;
    PDH_HCOUNTER added = NULL;

    if (library == NULL) {
        return;
    }
    if (find_calls(library, &calls) &&
        calls.open(NULL, 0, &query) == ERROR_SUCCESS) {
        if (calls.add(query, counter, 0, &added) == ERROR_SUCCESS &&
            calls.collect(query) == ERROR_SUCCESS) {
            tell(&calls, added, told, context);
        }
        (void)calls.close(query);
    }
    weftos_library_close(library);
}
