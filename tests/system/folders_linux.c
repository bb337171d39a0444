/* SPDX-License-Identifier: MIT
 *
 * The XDG directories.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/system.h>

#include "check.h"

void test_main(void)
{
    char text[256];
    char session[64];
    struct stat info;
    const char *rule = NULL;

    check_case("settings are where XDG_CONFIG_HOME says, else in .config");
    REQUIRE(setenv("HOME", "/h", 1) == 0);
    REQUIRE(setenv("XDG_CONFIG_HOME", "/c", 1) == 0);
    CHECK(weft_path_config(text, sizeof(text), &rule) == 2);
    CHECK(strcmp(text, "/c") == 0);
    REQUIRE(setenv("XDG_CONFIG_HOME", "c", 1) == 0);
    CHECK(weft_path_config(text, sizeof(text), &rule) == 10);
    CHECK(strcmp(text, "/h/.config") == 0);

    check_case("the session's directory is where XDG_RUNTIME_DIR says");
    REQUIRE(setenv("XDG_RUNTIME_DIR", "/r", 1) == 0);
    CHECK(weft_path_runtime(text, sizeof(text), &rule) == 2);
    CHECK(strcmp(text, "/r") == 0);
    CHECK(strcmp(rule, "$XDG_RUNTIME_DIR") == 0);

    check_case("without it, it is that of the session manager, or none");
    REQUIRE(unsetenv("XDG_RUNTIME_DIR") == 0);
    (void)snprintf(session, sizeof(session), "/run/user/%lu",
                   (unsigned long)geteuid());
    if (stat(session, &info) == 0) {
        CHECK(weft_path_runtime(text, sizeof(text), &rule) ==
              (int)strlen(session));
    } else {
        CHECK(weft_path_runtime(text, sizeof(text), &rule) == (int)WEFT_ENOENT);
        CHECK(text[0] == '\0');
    }
}
