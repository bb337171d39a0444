/* SPDX-License-Identifier: MIT
 *
 * Programs that are known by their files, by the lists of every system: names
 * in the system's folders, whole paths, and what only looks like them.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "os/known.h"

#define SESSION WEFT_MARK_BIT(WEFT_MARK_SESSION)
#define AUDIO WEFT_MARK_BIT(WEFT_MARK_AUDIO)
#define MACHINE WEFT_MARK_BIT(WEFT_MARK_MACHINE)

/* Each list is compiled under a name of its own for this test. */
extern const struct weftos_known known_linux;
extern const struct weftos_known known_macos;
extern const struct weftos_known known_windows;

struct row {
    const char *exe;
    uint32_t marks;
};

static const struct row rows_linux[] = {
    {"/usr/lib/xorg/Xorg", SESSION},
    {"/usr/bin/tmux", SESSION},
    {"/usr/lib/systemd/systemd", SESSION},
    {"/nix/store/abc-sway-1.9/bin/sway", SESSION},
    {"/usr/bin/pipewire", AUDIO},
    {"/usr/bin/qemu-system-x86_64", MACHINE},
    {"/home/me/Xorg", 0},
    {"/tmp/usr/bin/tmux", 0},
    {"/usr/bin/tmux2", 0},
    {"/usr/bin/xtmux", 0},
    {"/usr/bin/TMUX", 0},
    {"/usr/bin/tmux (deleted)", 0},
    {"/usr/bin/", 0},
    {"/usr/bin", 0},
    {"tmux", 0},
    {"", 0},
    {"/opt/tmux", 0},
    {"/usr/bin/system", 0},
    {"/usr/share/init", 0},
};

static const struct row rows_macos[] = {
    {"/System/Library/CoreServices/Dock.app/Contents/MacOS/Dock", SESSION},
    {"/system/library/CoreServices/Finder.app/Contents/MacOS/Finder", SESSION},
    {"/System/Library/PrivateFrameworks/SkyLight.framework/Versions/A/Resources"
     "/WindowServer",
     SESSION},
    {"/sbin/launchd", SESSION},
    {"/usr/sbin/coreaudiod", AUDIO},
    {"/Applications/VMware Fusion.app/Contents/Library/vmware-vmx", MACHINE},
    {"/Applications/Docker.app/Contents/MacOS/com.docker.backend", 0},
    {"/Applications/Docker.app/Contents/MacOS/Docker", 0},
    {"/Applications/Dock", 0},
    {"/System/Library/CoreServices/Docker", 0},
    {"/Users/me/System/Dock", 0},
    {"/Applications/System Information", 0},
    {"/tmp/VMware Fusion.app/Contents/Library/vmware-vmx", 0},
};

static const struct row rows_windows[] = {
    {"%SystemRoot%\\explorer.exe", SESSION},
    {"%systemroot%\\SYSTEM32\\csrss.exe", SESSION},
    {"%SystemRoot%\\System32\\audiodg.exe", AUDIO},
    {"%ProgramFiles%\\VMware\\VMware Workstation\\x64\\vmware-vmx.exe",
     MACHINE},
    {"%SystemRoot%\\System32\\vmwp.exe", MACHINE},
    {"%SystemRoot%\\Temp\\csrss.exe", 0},
    {"%SystemRoot%\\System32\\spool\\csrss.exe", 0},
    {"C:\\Users\\me\\csrss.exe", 0},
    {"C:\\Users\\me\\vmware-vmx.exe", 0},
    {"%ProgramFiles%\\x\\not-vmware-vmx.exe", 0},
    {"csrss.exe", 0},
    {"Registry", 0},
};

#define COUNT_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static void test_list(const struct weftos_known *known, const struct row *rows,
                      size_t count, bool ignores_case)
{
    for (size_t i = 0; i < count; i++) {
        check_case(rows[i].exe);
        CHECK(weftos_known_marks(known, rows[i].exe, ignores_case) ==
              rows[i].marks);
    }
}

/* A slip in a list would hide a name, or have it twice. */
static void test_names(const struct weftos_known *known)
{
    check_case("no name is twice in a list, or empty");
    for (size_t i = 0; i < WEFTOS_KNOWN_LISTS; i++) {
        const char *const *files = known->lists[i].files;

        CHECK(files[0] != NULL);
        for (size_t a = 0; files[a] != NULL; a++) {
            CHECK(files[a][0] != '\0' && strchr(files[a], '*') == NULL);
            for (size_t b = 0; b < a; b++) {
                CHECK(strcmp(files[a], files[b]) != 0);
            }
        }
    }
    for (size_t i = 0; known->folders[i] != NULL; i++) {
        size_t length = strlen(known->folders[i]);

        CHECK(known->folders[i][length - 1] == known->separator);
    }
}

void test_main(void)
{
    test_list(&known_linux, rows_linux, COUNT_OF(rows_linux), false);
    test_list(&known_macos, rows_macos, COUNT_OF(rows_macos), true);
    test_list(&known_windows, rows_windows, COUNT_OF(rows_windows), true);
    test_names(&known_linux);
    test_names(&known_macos);
    test_names(&known_windows);
}
