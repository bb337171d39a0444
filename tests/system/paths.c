/* SPDX-License-Identifier: MIT
 *
 * Paths as texts, by the rules of both kinds of system, on every system.
 */
#include <stdio.h>
#include <string.h>

#include <weft/system.h>

#include "base/path.h"
#include "check.h"

#define ROOM 128

static const struct {
    bool is_windows;
    const char *path;
    const char *expected;
} normalised[] = {
    {false, "", "."},
    {false, ".", "."},
    {false, "./", "."},
    {false, "/", "/"},
    {false, "//", "/"},
    {false, "///a//b///", "/a/b"},
    {false, "a", "a"},
    {false, "a/", "a"},
    {false, "./a/./b/.", "a/b"},
    {false, "a/..", "."},
    {false, "a/../b", "b"},
    {false, "a/b/../../c", "c"},
    {false, "..", ".."},
    {false, "../a", "../a"},
    {false, "a/../..", ".."},
    {false, "a/../../..", "../.."},
    {false, "a/../../../b/../c", "../../c"},
    {false, "/..", "/"},
    {false, "/../../etc/passwd", "/etc/passwd"},
    {false, "/a/../../../b", "/b"},
    {false, "...", "..."},
    {false, "a/.../b", "a/.../b"},
    {false, "..a/b..", "..a/b.."},
    {false, "a\\..\\b", "a\\..\\b"},
    {false, "C:/a", "C:/a"},
    {false, "\x80\xff/../\n", "\n"},
    {false, " /. /..", " "},
    {true, "", "."},
    {true, "a/b\\c", "a\\b\\c"},
    {true, "a\\..\\..\\b", "..\\b"},
    {true, "C:", "C:."},
    {true, "C:a\\..", "C:."},
    {true, "C:..\\x", "C:..\\x"},
    {true, "C:\\", "C:\\"},
    {true, "C:/", "C:\\"},
    {true, "c:\\..\\..\\x\\", "c:\\x"},
    {true, "\\", "\\"},
    {true, "/a/../..", "\\"},
    {true, "\\\\", "\\"},
    {true, "\\\\\\a", "\\a"},
    {true, "\\\\server\\share", "\\\\server\\share\\"},
    {true, "//server/share/../../x", "\\\\server\\share\\x"},
    {true, "\\\\server", "\\\\server\\"},
    {true, "\\\\.\\pipe\\a\\..\\b", "\\\\.\\pipe\\b"},
    {true, "\\\\?\\C:\\a\\..\\b/.", "\\\\?\\C:\\a\\..\\b/."},
    /* What would become a drive stays a file of the directory. */
    {true, "a\\..\\C:\\x", ".\\C:\\x"},
    {true, ".\\C:x", ".\\C:x"},
    {true, "..\\C:x", "..\\C:x"},
};

static void test_normalise(void)
{
    char text[ROOM];
    char again[ROOM];

    check_case("a path becomes its shortest form, once and for all");
    for (size_t i = 0; i < sizeof(normalised) / sizeof(normalised[0]); i++) {
        bool is_windows = normalised[i].is_windows;
        int length = wefti_path_normalise(is_windows, normalised[i].path, text,
                                          sizeof(text));

        if (!CHECK(strcmp(text, normalised[i].expected) == 0) ||
            !CHECK(length == (int)strlen(text))) {
            printf("# '%s' became '%s', not '%s'\n", normalised[i].path, text,
                   normalised[i].expected);
        }
        CHECK(wefti_path_normalise(is_windows, text, again, sizeof(again)) ==
              length);
        CHECK(strcmp(text, again) == 0);
    }
}

static const struct {
    bool is_windows;
    const char *first;
    const char *second;
    const char *expected;
} joined[] = {
    {false, "a", "b", "a/b"},
    {false, "a/", "b", "a/b"},
    {false, "", "b", "b"},
    {false, "a", "", "a"},
    {false, "a/", "", "a/"},
    {false, "", "", ""},
    {false, "/", "b", "/b"},
    {false, "a", "/b", "/b"},
    {false, "a", "../b", "a/../b"},
    {false, "a", "C:\\b", "a/C:\\b"},
    {true, "a", "b", "a\\b"},
    {true, "a/", "b", "a/b"},
    {true, "C:", "b", "C:b"},
    {true, "C:\\", "b", "C:\\b"},
    {true, "C:\\a", "\\b", "C:\\b"},
    {true, "C:a", "/b", "C:/b"},
    {true, "C:\\a", "c:b", "C:\\a\\b"},
    {true, "C:\\a", "D:b", "D:b"},
    {true, "a", "D:b", "D:b"},
    {true, "C:\\a", "D:\\b", "D:\\b"},
    {true, "\\\\s\\h\\a", "\\b", "\\\\s\\h\\b"},
    {true, "\\\\s\\h", "b", "\\\\s\\h\\b"},
    {true, "\\\\s\\h", "\\\\t\\i", "\\\\t\\i"},
};

static void test_join(void)
{
    char text[ROOM];

    check_case("paths are joined, and an absolute one stands alone");
    for (size_t i = 0; i < sizeof(joined) / sizeof(joined[0]); i++) {
        int length = wefti_path_join(joined[i].is_windows, joined[i].first,
                                     joined[i].second, text, sizeof(text));

        if (!CHECK(strcmp(text, joined[i].expected) == 0) ||
            !CHECK(length == (int)strlen(text))) {
            printf("# '%s' and '%s' became '%s', not '%s'\n", joined[i].first,
                   joined[i].second, text, joined[i].expected);
        }
    }
}

static const struct {
    bool is_windows;
    const char *name;
    const char *expected; /* NULL: it is refused */
} programs[] = {
    {false, "weft", "weft"},
    {false, "a/b.exe", "a/b.exe"},
    {false, "a\\", "a\\"},
    {false, "", NULL},
    {false, "a/", NULL},
    {true, "weft", "weft.exe"},
    {true, "weft.EXE", "weft.EXE"},
    {true, "run.cmd", "run.cmd"},
    {true, "run.sh", "run.sh.exe"},
    {true, ".exe", ".exe"},
    {true, "exe", "exe.exe"},
    {true, "a\\", NULL},
    {true, "a/", NULL},
    {true, "C:", NULL},
    {true, "", NULL},
};

static void test_programs(void)
{
    char text[ROOM];

    check_case("a program's file has the ending that the system wants");
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        const char *expected = programs[i].expected;
        int length = wefti_path_executable(
            programs[i].is_windows, programs[i].name, text, sizeof(text));

        CHECK(length ==
              (expected != NULL ? (int)strlen(expected) : (int)WEFT_EINVAL));
        CHECK(strcmp(text, expected != NULL ? expected : "") == 0);
    }
}

/* One byte behind the room must stay as it is. */
static void check_room(int length, const char *text, size_t bytes,
                       const char *whole)
{
    CHECK(length == (int)strlen(whole));
    CHECK(text[bytes] == '#');
    if (bytes > strlen(whole)) {
        CHECK(strcmp(text, whole) == 0);
    } else if (bytes > 0) {
        CHECK(text[0] == '\0');
    }
}

static void test_room(void)
{
    const char path[] = "/a/./b/../c";
    char text[ROOM];

    check_case("what does not fit is not written, and told");
    for (size_t bytes = 0; bytes < 16; bytes++) {
        memset(text, '#', sizeof(text));
        check_room(wefti_path_normalise(false, path, text, bytes), text, bytes,
                   "/a/c");
        memset(text, '#', sizeof(text));
        check_room(wefti_path_join(false, "/ab", "cd", text, bytes), text,
                   bytes, "/ab/cd");
        memset(text, '#', sizeof(text));
        check_room(wefti_path_executable(true, "weft", text, bytes), text,
                   bytes, "weft.exe");
    }
    CHECK(weft_path_normalise("a/b", NULL, 0) == 3);
    CHECK(weft_path_join("a", "b", NULL, 0) == 3);

    check_case("nothing is refused");
    CHECK(weft_path_normalise(NULL, text, sizeof(text)) == (int)WEFT_EINVAL);
    CHECK(text[0] == '\0');
    CHECK(weft_path_normalise("a", NULL, 1) == (int)WEFT_EINVAL);
    CHECK(weft_path_join(NULL, "a", text, sizeof(text)) == (int)WEFT_EINVAL);
    CHECK(weft_path_join("a", NULL, text, sizeof(text)) == (int)WEFT_EINVAL);
    CHECK(weft_path_join("a", "b", NULL, 1) == (int)WEFT_EINVAL);
    CHECK(weft_path_executable(NULL, text, 1) == (int)WEFT_EINVAL);
    CHECK(weft_path_home(NULL, 1, NULL) == (int)WEFT_EINVAL);
}

/* Much longer than any path of a system, and all of it matters. */
static void test_long(void)
{
    static char path[300001];
    static char text[sizeof(path)];
    size_t parts = (sizeof(path) - 1) / 3;

    check_case("a path of any length is normalised without memory");
    for (size_t i = 0; i < parts; i++) {
        memcpy(path + i * 3, "../", 3);
    }
    CHECK(wefti_path_normalise(false, path, text, sizeof(text)) ==
          (int)(parts * 3 - 1));
    CHECK(memcmp(text, path, parts * 3 - 1) == 0);
    for (size_t i = 0; i < parts; i++) {
        memcpy(path + i * 3, i < parts / 2 ? "aa/" : "../", 3);
    }
    CHECK(wefti_path_normalise(false, path, text, sizeof(text)) == 1);
    CHECK(strcmp(text, ".") == 0);
}

void test_main(void)
{
    test_normalise();
    test_join();
    test_programs();
    test_room();
    test_long();
}
