/* SPDX-License-Identifier: MIT
 *
 * What a program changes in an overlay or a directory in place of another is
 * its own, and gone with it: by root and by a user without rights.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolation.h"

/* ----------------------------------------------------------- the inside --- */

static bool has_text(const char *path, const char *expected)
{
    char text[64] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = file >= 0 ? read(file, text, sizeof(text) - 1) : -1;

    if (file >= 0) {
        (void)close(file);
    }
    return bytes >= 0 && strcmp(text, expected) == 0;
}

static bool add_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool is_done =
        file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

    if (file >= 0) {
        (void)close(file);
    }
    return is_done;
}

/* It begins in the folder that is laid over. */
static void be_changer(void)
{
    char directory[128] = "";

    (void)snprintf(isolation_folder, 64, "%s", getenv("FOLDER"));
    check_case("what is there is seen, and can be changed");
    CHECK(getcwd(directory, sizeof(directory)) != NULL &&
          strcmp(directory, isolation_folder) == 0);
    CHECK(has_text("outside", "secret"));
    CHECK(add_text("outside", " no more"));
    CHECK(has_text("outside", "secret no more"));
    CHECK(add_text(isolation_path("new"), "new") && has_text("new", "new"));
    CHECK(unlink("link") == 0 && access("link", F_OK) != 0);
    CHECK(rename("read/file", "read/other") == 0);

    check_case("what is in the place of another directory is empty");
    CHECK(access("write/hidden", F_OK) != 0);
    CHECK(add_text("write/mine", "mine") && has_text("write/mine", "mine"));
    CHECK(has_text("write/kept/file", "secret"));
    CHECK(!add_text("write/kept/file", "!"));
    check_exit_child();
}

/* ---------------------------------------------------------- the outside --- */

static void check_unchanged(void)
{
    CHECK(has_text(isolation_path("outside"), "secret"));
    CHECK(access(isolation_path("new"), F_OK) != 0);
    CHECK(access(isolation_path("link"), F_OK) == 0);
    CHECK(has_text(isolation_path("read/file"), "secret"));
    CHECK(access(isolation_path("write/mine"), F_OK) != 0);
    CHECK(access(isolation_path("write/hidden"), F_OK) == 0);
}

/* In the host's files, or where nothing else of them is seen. */
static void test_changes(weft_sandbox sandbox)
{
    weft_process_spec *spec = isolation_spec(sandbox);

    REQUIRE(rename(isolation_path("write/hidden"),
                   isolation_path("write/kept")) == 0 &&
            mkdir(isolation_path("write/hidden"), 0755) == 0);
    isolation_rule(spec, isolation_folder, WEFT_ACCESS_OVERLAY);
    isolation_rule(spec, isolation_path("write"), WEFT_ACCESS_TEMP);
    isolation_rule(spec, isolation_path("write/kept"), WEFT_ACCESS_READ);
    if (sandbox == WEFT_SANDBOX_NONE) {
        isolation_rule(spec, "/", WEFT_ACCESS_READ);
    }
    CHECK_STATUS(weft_process_spec_directory(spec, isolation_folder), WEFT_OK);
    isolation_expect_well(isolation_start(spec, "--changer"));
    check_case("the host's files are as they were");
    check_unchanged();
    REQUIRE(rmdir(isolation_path("write/hidden")) == 0 &&
            rename(isolation_path("write/kept"),
                   isolation_path("write/hidden")) == 0);
    weft_process_spec_close(&spec);
}

/* All that is not named is seen as ever. */
static void test_alone(void)
{
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_NONE);
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char script[] = "test -r /etc/passwd && test ! -e \"$FOLDER/read/file\" && "
                    "echo >\"$FOLDER/read/new\" && rm \"$FOLDER/write/x\"";
    char *arguments[] = {shell, option, script, NULL};
    weft_process *process = NULL;

    check_case("without a rule that allows, all else stays as it is");
    CHECK(add_text(isolation_path("write/x"), "x"));
    isolation_rule(spec, isolation_path("read"), WEFT_ACCESS_TEMP);
    isolation_rule(spec, isolation_path("write"), WEFT_ACCESS_OVERLAY);
    REQUIRE(weft_process_start(spec, arguments, &process, NULL) == WEFT_OK);
    isolation_expect_well(process);
    CHECK(access(isolation_path("read/new"), F_OK) != 0);
    CHECK(unlink(isolation_path("write/x")) == 0);
    weft_process_spec_close(&spec);
}

static void expect_refusal(const char *path, weft_access access,
                           weft_status expected)
{
    char *arguments[] = {isolation_self, NULL};
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_NONE);
    weft_process *process = NULL;

    isolation_rule(spec, path, access);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL), expected);
    CHECK(process == NULL);
    CHECK(strstr(weft_process_spec_refusal(spec), path) != NULL);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

static void test_refusals(void)
{
    check_case("it takes a directory, and not the root");
    expect_refusal(isolation_path("outside"), WEFT_ACCESS_OVERLAY, WEFT_EINVAL);
    expect_refusal(isolation_path("outside"), WEFT_ACCESS_TEMP, WEFT_EINVAL);
    expect_refusal("/", WEFT_ACCESS_OVERLAY, WEFT_EINVAL);
    expect_refusal("/", WEFT_ACCESS_TEMP, WEFT_EINVAL);
    expect_refusal("/no/such", WEFT_ACCESS_OVERLAY, WEFT_ENOENT);
}

static void test_without_mounts(void *context)
{
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_NONE);
    char *arguments[] = {isolation_self, NULL};
    weft_process *process = NULL;

    (void)context;
    isolation_rule(spec, isolation_folder, WEFT_ACCESS_OVERLAY);
    if (CHECK(isolation_refuse_mounts())) {
        CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL),
                     WEFT_ENOTSUP);
        CHECK(strstr(weft_process_spec_refusal(spec), "cannot enforce paths") !=
              NULL);
    }
    weft_process_spec_close(&spec);
}

static void test_all(void)
{
    peer_process child;

    isolation_folder_make();
    test_changes(WEFT_SANDBOX_NONE);
    test_changes(WEFT_SANDBOX_STRICT);
    test_alone();
    test_refusals();
    check_case("where nothing can be mounted it is refused");
    child = peer_run(test_without_mounts, NULL, 0);
    CHECK(peer_ended_well(&child));
    isolation_folder_remove();
}

static void skip_without(void)
{
    static char text[256];
    weft_enforcement rows[WEFT_FENCE_COUNT];
    weft_process_spec *spec = NULL;

    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    REQUIRE(weft_process_spec_probe(spec, rows, WEFT_FENCE_COUNT, NULL) ==
            WEFT_OK);
    weft_process_spec_close(&spec);
    if (rows[WEFT_FENCE_PATHS].level != WEFT_LEVEL_TREE ||
        strstr(rows[WEFT_FENCE_PATHS].why_not, "overlay") != NULL) {
        (void)snprintf(text, sizeof(text), "paths: %s",
                       rows[WEFT_FENCE_PATHS].why_not);
        SKIP(text);
    }
}

void test_main(void)
{
    REQUIRE(readlink("/proc/self/exe", isolation_self, 4000) > 0);
    if (check_arguments[1] != NULL) {
        be_changer();
    }
    skip_without();
    check_case("root and others change what is theirs alone");
    isolation_as_users(test_all);
}
