/* SPDX-License-Identifier: MIT
 *
 * Graphics devices, as the kernel's drivers show them in /sys/class/drm.
 *
 * Only amdgpu tells there how much memory a device has. With a processor that
 * has graphics of its own "vram" is what the firmware has set aside for it, and
 * "gtt" the system's memory that it may use besides.
 */
#define _GNU_SOURCE
#include "gpu.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "linux.h"
#include "text.h"

#define CARDS "/sys/class/drm"

const char *const weftos_nvml_library = "libnvidia-ml.so.1";

/* ----------------------------------------------------------- directories ---
 */

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* False: there is no memory. */
static bool add_number(const char *name, const char *prefix,
                       struct weftos_numbers *numbers)
{
    size_t length = strlen(prefix);
    void *items = numbers->items;
    const char *end;
    uint64_t number;
    uint64_t *item;

    if (strncmp(name, prefix, length) != 0 ||
        !weftos_parse_number(name + length, &end, &number) || *end != '\0') {
        return true;
    }
    item =
        weftos_gpu_grow(&items, &numbers->count, &numbers->room, sizeof(*item));
    numbers->items = items;
    if (item != NULL) {
        *item = number;
    }
    return item != NULL;
}

weft_status weftos_list_numbers(const char *path, const char *prefix,
                                struct weftos_numbers *numbers,
                                weft_detail *detail)
{
    DIR *folder = opendir(path);
    weft_status status = WEFT_OK;
    const struct dirent *entry;

    if (folder == NULL) {
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM
                   ? weftos_fail_errno(detail, "open a directory")
                   : WEFT_OK;
    }
    while (status == WEFT_OK && (entry = readdir(folder)) != NULL) {
        if (!add_number(entry->d_name, prefix, numbers)) {
            status = weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
        }
    }
    (void)closedir(folder);
    if (numbers->count > 1) {
        qsort(numbers->items, numbers->count, sizeof(*numbers->items), compare);
    }
    return status;
}

/* --------------------------------------------------------------- opening ---
 */

weft_status weftos_gpus_open(const char *root, weftos_gpus **gpus,
                             weft_detail *detail)
{
    *gpus = calloc(1, sizeof(**gpus));
    if (*gpus == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    WEFTOS_SET_TEXT((*gpus)->root, root);
    return WEFT_OK;
}

void weftos_gpus_close(weftos_gpus *gpus)
{
    free(gpus);
}

static weft_status list_cards(const weftos_gpus *gpus,
                              struct weftos_numbers *cards, weft_detail *detail)
{
    char path[PATH_MAX + 32];

    (void)snprintf(path, sizeof(path), "%s" CARDS, gpus->root);
    return weftos_list_numbers(path, "card", cards, detail);
}

void weftos_gpus_source(const weftos_gpus *gpus, weft_gpu_source *source)
{
    struct weftos_numbers cards = {NULL, 0, 0};

    memset(source, 0, sizeof(*source));
    WEFTOS_SET_TEXT(source->name, "drm");
    source->is_there =
        list_cards(gpus, &cards, NULL) == WEFT_OK && cards.count > 0;
    if (!source->is_there) {
        WEFTOS_SET_TEXT(source->reason, "no device in " CARDS);
    }
    free(cards.items);
}

/* --------------------------------------------------------------- devices ---
 */

static bool read_file(const weftos_gpus *gpus, uint64_t card, const char *name,
                      char *text, size_t room)
{
    char path[PATH_MAX + 96];

    (void)snprintf(path, sizeof(path), "%s" CARDS "/card%llu/device/%s",
                   gpus->root, (unsigned long long)card, name);
    return weftos_read_text(path, text, room);
}

/* "DRIVER=amdgpu": what is behind a key, where a line begins with it. */
static void find_word(const char *text, const char *key, char *word,
                      size_t room)
{
    size_t length = strlen(key);

    word[0] = '\0';
    for (; text != NULL && *text != '\0'; text = strchr(text, '\n')) {
        text += *text == '\n';
        if (strncmp(text, key, length) == 0) {
            (void)snprintf(word, room, "%.*s",
                           (int)strcspn(text + length, "\n"), text + length);
            return;
        }
    }
}

static void identify(const weftos_gpus *gpus, uint64_t card,
                     weft_gpu_device *found)
{
    char text[1024];
    char driver[32] = "";
    char model[16] = "";

    if (read_file(gpus, card, "uevent", text, sizeof(text))) {
        find_word(text, "DRIVER=", driver, sizeof(driver));
        find_word(text, "PCI_ID=", model, sizeof(model));
        find_word(text, "PCI_SLOT_NAME=", found->place, sizeof(found->place));
    }
    if (read_file(gpus, card, "product_name", text, sizeof(found->name)) &&
        strcspn(text, "\n") > 0) {
        text[strcspn(text, "\n")] = '\0';
        WEFTOS_SET_TEXT(found->name, text);
    } else {
        (void)snprintf(found->name, sizeof(found->name), "%s%s%s", driver,
                       model[0] != '\0' ? " " : "", model);
    }
    if (found->place[0] != '\0') {
        WEFTOS_SET_TEXT(found->id, found->place);
    } else {
        (void)snprintf(found->id, sizeof(found->id), "card%llu",
                       (unsigned long long)card);
    }
    WEFTOS_SET_TEXT(found->source, "drm");
}

static bool read_bytes(const weftos_gpus *gpus, uint64_t card, const char *name,
                       uint64_t *bytes)
{
    char text[64];
    const char *end;

    return read_file(gpus, card, name, text, sizeof(text)) &&
           weftos_parse_number(text, &end, bytes) &&
           (*end == '\n' || *end == '\0');
}

static void read_memory(const weftos_gpus *gpus, uint64_t card,
                        weft_gpu_device *found)
{
    uint64_t bytes;

    if (read_bytes(gpus, card, "mem_info_vram_total", &bytes) && bytes > 0) {
        WEFTOS_GPU_SET(found, WEFT_GPU_TOTAL, total_bytes, bytes);
    }
    if (read_bytes(gpus, card, "mem_info_vram_used", &bytes) &&
        bytes <= found->total_bytes) {
        WEFTOS_GPU_SET(found, WEFT_GPU_USED, used_bytes, bytes);
    }
    if (read_bytes(gpus, card, "mem_info_gtt_total", &bytes) && bytes > 0) {
        WEFTOS_GPU_SET(found, WEFT_GPU_SYSTEM_TOTAL, system_total_bytes, bytes);
    }
    if (read_bytes(gpus, card, "mem_info_gtt_used", &bytes) &&
        bytes <= found->system_total_bytes) {
        WEFTOS_GPU_SET(found, WEFT_GPU_SYSTEM_USED, system_used_bytes, bytes);
    }
    if ((found->valid & WEFT_GPU_TOTAL) == 0) {
        WEFTOS_SET_TEXT(found->problem, "its driver does not tell");
    }
}

/* One place on the bus has one device, whoever has told of it. */
static bool is_listed(const struct weftos_gpu_devices *devices,
                      const weft_gpu_device *found)
{
    for (size_t i = 0; i < devices->count; i++) {
        if (strcmp(devices->items[i].id, found->id) == 0 ||
            (found->place[0] != '\0' &&
             strcmp(devices->items[i].place, found->place) == 0)) {
            return true;
        }
    }
    return false;
}

weft_status weftos_gpus_list(weftos_gpus *gpus,
                             struct weftos_gpu_devices *devices,
                             weft_detail *detail)
{
    struct weftos_numbers cards = {NULL, 0, 0};
    weft_status status = list_cards(gpus, &cards, detail);

    for (size_t i = 0; status == WEFT_OK && i < cards.count; i++) {
        weft_gpu_device found = {0};
        void *items = devices->items;
        weft_gpu_device *item;

        identify(gpus, cards.items[i], &found);
        if (is_listed(devices, &found)) {
            continue;
        }
        read_memory(gpus, cards.items[i], &found);
        item = weftos_gpu_grow(&items, &devices->count, &devices->room,
                               sizeof(*item));
        devices->items = items;
        if (item == NULL) {
            status = weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
        } else {
            *item = found;
        }
    }
    free(cards.items);
    return status;
}
