/* SPDX-License-Identifier: MIT
 *
 * Directories of this user on Windows.
 */
#include <stdio.h>
#include <string.h>

#include <weft/system.h>

#include "check.h"

#include <windows.h>

static void check_folder(const char *text, int length)
{
    wchar_t wide[512];
    DWORD attributes;

    printf("# %s\n", text);
    CHECK(length == (int)strlen(text));
    CHECK(length > 3 && text[1] == ':' && text[2] == '\\');
    CHECK(length > 3 && text[length - 1] != '\\');
    REQUIRE(MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, 512) > 0);
    attributes = GetFileAttributesW(wide);
    CHECK(attributes != INVALID_FILE_ATTRIBUTES &&
          (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0);
}

void test_main(void)
{
    char text[512];
    char profile[512];
    const char *rule = NULL;
    int length = weft_path_home(text, sizeof(text), &rule);

    check_keep_handles(); /* of the shell's library, which stays */
    check_case("the known folders are directories");
    check_folder(text, length);
    CHECK(rule != NULL && strstr(rule, "Profile") != NULL);
    CHECK(GetEnvironmentVariableA("USERPROFILE", profile, sizeof(profile)) > 0);
    CHECK(_stricmp(profile, text) == 0);
    CHECK(weft_path_home(text, (size_t)length, NULL) == length);
    CHECK(text[0] == '\0');
    length = weft_path_config(text, sizeof(text), &rule);
    check_folder(text, length);
    length = weft_path_temp(text, sizeof(text), &rule);
    check_folder(text, length);

    check_case("a directory that Windows does not have is not made up");
    CHECK(weft_path_runtime(text, sizeof(text), &rule) == (int)WEFT_ENOTSUP);
    CHECK(text[0] == '\0');
}
