/* SPDX-License-Identifier: MIT
 *
 * The places of a name: which of them are taken, by a look at its directory.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <string.h>

#include "../name.h"
#include "place.h"

/* The number of a file whose name is the stem, perhaps a number, the suffix. */
static bool find_number(const char *file, const char *stem, const char *suffix,
                        unsigned *number)
{
    char middle[8];
    size_t before = strlen(stem);
    size_t after = strlen(suffix);
    size_t length = strlen(file);

    if (length < before + after || length - before - after >= sizeof(middle) ||
        strncmp(file, stem, before) != 0 ||
        strcmp(file + length - after, suffix) != 0) {
        return false;
    }
    length -= before + after;
    memcpy(middle, file + before, length);
    middle[length] = '\0';
    *number = weftos_name_number(middle);
    return length == 0 || *number != 0;
}

/* Of the directory of a place, whose files are named after `stem`. */
static weft_status look(const struct weftos_place *place, const char *stem,
                        uint64_t *numbers, weft_detail *detail)
{
    const char *suffix = place->is_private ? ".sock" : "";
    const struct dirent *entry;
    unsigned number = 0;
    DIR *directory = opendir(place->directory_path);

    if (directory == NULL) {
        return errno == ENOENT ? WEFT_OK
                               : weftos_fail_errno(
                                     detail, "open the directory of the name");
    }
    while ((entry = readdir(directory)) != NULL) {
        if (find_number(entry->d_name, stem, suffix, &number)) {
            *numbers |= UINT64_C(1) << number;
        }
    }
    (void)closedir(directory);
    return WEFT_OK;
}

weft_status weftos_endpoint_numbers(const char *name, weftos_endpoint *endpoint,
                                    uint64_t id, uint64_t *numbers,
                                    weft_detail *detail)
{
    const char *slash = strrchr(name, '/');
    struct weftos_place place;
    weft_status status = weftos_place_name(name, &place, detail);
    int cancel;

    *numbers = 0;
    if (status == WEFT_OK && endpoint != NULL) {
        status = weftos_endpoint_await(endpoint, id, &place, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    /* A thread that is cancelled in here would leave the directory open. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = look(&place, slash != NULL ? slash + 1 : name, numbers, detail);
    (void)pthread_setcancelstate(cancel, &cancel);
    if (status != WEFT_OK && endpoint != NULL) {
        weftos_endpoint_forget(endpoint, id, WEFTOS_NONE, WEFTOS_NONE);
    }
    return status;
}
