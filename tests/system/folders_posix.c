/* SPDX-License-Identifier: MIT
 *
 * Directories of this user, by the environment and without it.
 */
#define _GNU_SOURCE
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/system.h>

#include "check.h"

#define ROOM 4200

typedef int find(char *text, size_t bytes, const char **rule);

/* The variable decides if it is an absolute path, and only then. */
static void check_variable(find *call, const char *name)
{
    char text[ROOM];
    char fallback[ROOM];
    char label[64];
    const char *rule = NULL;
    int length;

    (void)snprintf(label, sizeof(label), "$%s", name);
    REQUIRE(setenv(name, "/a b/\xff", 1) == 0);
    CHECK(call(text, sizeof(text), &rule) == 6);
    CHECK(strcmp(text, "/a b/\xff") == 0);
    CHECK(rule != NULL && strcmp(rule, label) == 0);

    CHECK(call(NULL, 0, NULL) == 6);
    CHECK(call(text, 6, NULL) == 6 && text[0] == '\0');
    CHECK(call(text, 7, NULL) == 6 && text[0] == '/');

    REQUIRE(unsetenv(name) == 0);
    length = call(fallback, sizeof(fallback), &rule);
    REQUIRE(setenv(name, "relative/../..", 1) == 0);
    CHECK(call(text, sizeof(text), &rule) == length);
    CHECK(strcmp(text, fallback) == 0);
    CHECK(length < 0 || strcmp(rule, label) != 0);
    REQUIRE(setenv(name, "", 1) == 0);
    CHECK(call(text, sizeof(text), NULL) == length);
    REQUIRE(unsetenv(name) == 0);
}

/* Longer than any path may be. */
static void test_long(void)
{
    static char value[20001];
    char text[ROOM];

    check_case("a variable that is too long is an error, and not cut");
    memset(value, '/', sizeof(value) - 1);
    REQUIRE(setenv("HOME", value, 1) == 0);
    CHECK(weft_path_home(text, sizeof(text), NULL) == (int)WEFT_ELIMIT);
    CHECK(text[0] == '\0');
    value[8190] = '\0';
    REQUIRE(setenv("HOME", value, 1) == 0);
    CHECK(weft_path_config(text, sizeof(text), NULL) == (int)WEFT_ELIMIT);
}

void test_main(void)
{
    char text[ROOM];
    const struct passwd *entry = getpwuid(geteuid());
    const char *rule = NULL;

    check_case("the home is that of the variable, or of the list of users");
    check_variable(weft_path_home, "HOME");
    if (entry != NULL && entry->pw_dir[0] == '/') {
        CHECK(weft_path_home(text, sizeof(text), &rule) > 0);
        CHECK(strcmp(text, entry->pw_dir) == 0);
    }

    check_case("temporary files have a directory");
    check_variable(weft_path_temp, "TMPDIR");
    CHECK(weft_path_temp(text, sizeof(text), &rule) > 0);
    CHECK(text[0] == '/' && access(text, W_OK) == 0);

    check_case("settings are kept at home");
    REQUIRE(setenv("HOME", "/h", 1) == 0);
    CHECK(weft_path_config(text, sizeof(text), &rule) > 0);
    CHECK(strncmp(text, "/h/", 3) == 0 && rule != NULL);
    REQUIRE(setenv("HOME", "/", 1) == 0);
    CHECK(weft_path_config(text, sizeof(text), &rule) > 0);
    CHECK(text[0] == '/' && text[1] != '/');

    check_case("what ends with the session has a directory, or is absent");
    rule = NULL;
    if (weft_path_runtime(text, sizeof(text), &rule) > 0) {
        CHECK(text[0] == '/' && rule != NULL && access(text, X_OK) == 0);
    } else {
        CHECK(weft_path_runtime(text, sizeof(text), &rule) ==
                  (int)WEFT_ENOENT &&
              text[0] == '\0');
    }
    test_long();
}
