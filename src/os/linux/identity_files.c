/* SPDX-License-Identifier: MIT
 *
 * What the open files of a process say of it: a sound device, or a virtual
 * machine of the kernel's.
 *
 * A program that plays by a server of sound has a socket like any other: its
 * sound is not seen here, the server's is.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"

/*
 * Each takes 1 us. Of a process with more it is not known what they are, and
 * that protects it.
 */
#define FILES_MOST 65536

static const struct {
    const char *link; /* what the descriptor is one to */
    bool is_beginning;
    weft_mark mark;
} files[] = {
    {"/dev/snd/", true, WEFT_MARK_AUDIO},
    {"/dev/kvm", false, WEFT_MARK_MACHINE},
    {"anon_inode:kvm-vm", false, WEFT_MARK_MACHINE},
    {"anon_inode:kvm-vcpu:", true, WEFT_MARK_MACHINE},
};

/* What is closed meanwhile says nothing; what can't be read, not enough. */
static uint32_t marks_of(int folder, const char *name, bool *is_seen)
{
    char link[64]; /* longer than any of them */
    ssize_t length = readlinkat(folder, name, link, sizeof(link) - 1);
    uint32_t marks = 0;

    *is_seen = *is_seen && (length >= 0 || errno == ENOENT || errno == ESRCH);
    link[length > 0 ? length : 0] = '\0';
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (files[i].is_beginning
                ? strncmp(link, files[i].link, strlen(files[i].link)) == 0
                : strcmp(link, files[i].link) == 0) {
            marks |= WEFT_MARK_BIT(files[i].mark);
        }
    }
    return marks;
}

void weftos_look_files(struct weftos_look *look)
{
    int folder = openat(look->folder, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = folder >= 0 ? fdopendir(folder) : NULL;
    const struct dirent *entry;
    uint32_t count = 0;
    bool is_seen = true;

    if (directory == NULL) {
        if (folder >= 0) {
            (void)close(folder);
        }
        return;
    }
    while (count <= FILES_MOST &&
           (entry = weftos_next_entry(directory, &is_seen)) != NULL) {
        look->identity->marks |= marks_of(folder, entry->d_name, &is_seen);
        count++;
    }
    (void)closedir(directory);
    if (is_seen && count <= FILES_MOST) {
        look->identity->marks_known |=
            WEFT_MARK_BIT(WEFT_MARK_AUDIO) | WEFT_MARK_BIT(WEFT_MARK_MACHINE);
    }
}
