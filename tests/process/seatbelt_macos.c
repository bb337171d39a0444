/* SPDX-License-Identifier: MIT
 *
 * What seatbelt is told. The double notes it, and confines nobody: that it is
 * asked for the right things is all that can be seen here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/weft.h>

#include "check.h"
#include "os/macos/run_profile.h"
#include "peer.h"

/* ----------------------------------------------------------------- text --- */

static bool has_line(const char *text, const char *line)
{
    char wanted[512];

    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    return strstr(text, wanted) != NULL;
}

static void check_text(void)
{
    char evil[] = "/a\") (allow default) (\\\"";
    struct run_profile_rule rules[] = {
        {(char *)(uintptr_t) "/srv", WEFT_ACCESS_READ},
        {evil, WEFT_ACCESS_WRITE},
        {(char *)(uintptr_t) "/srv/secret (1)", WEFT_ACCESS_HIDE},
    };
    struct run_profile profile = {.denies_network = true,
                                  .denies_pids = true,
                                  .denies_files = true,
                                  .rules = rules,
                                  .rule_count = 3};
    char *text = weftos_run_profile_text(&profile);

    check_case("a profile says what is denied, and then what is allowed");
    REQUIRE(text != NULL);
    CHECK(strncmp(text, "(version 1)\n(allow default)\n", 28) == 0);
    CHECK(has_line(text, "(deny network*)"));
    CHECK(has_line(text, "(allow signal (target same-sandbox))"));
    CHECK(has_line(text, "(deny file-read* file-write* process-exec*)"));
    CHECK(has_line(text,
                   "(deny file-write* (subpath \"/srv\"))\n"
                   "(allow file-read* process-exec* (subpath \"/srv\"))"));
    CHECK(has_line(text, "(deny file-read* file-write* process-exec* "
                         "(subpath \"/srv/secret (1)\"))"));
    CHECK(strstr(text, "ipc-posix") == NULL);

    check_case("a path can't end its quotes");
    CHECK(has_line(text, "(allow file-read* file-write* process-exec* (subpath "
                         "\"/a\\\") (allow default) (\\\\\\\"\"))"));
    CHECK(!has_line(text, "(allow file-read* file-write* process-exec* "
                          "(subpath \"/a\"))"));
    free(text);

    check_case("what is hidden alone leaves the rest as it is");
    profile = (struct run_profile){.rules = &rules[2], .rule_count = 1};
    text = weftos_run_profile_text(&profile);
    REQUIRE(text != NULL);
    CHECK(strcmp(text, "(version 1)\n(allow default)\n"
                       "(deny file-read* file-write* process-exec* "
                       "(subpath \"/srv/secret (1)\"))\n") == 0);
    free(text);

    check_case("a path with control characters is not named");
    CHECK(!weftos_run_profile_can_name("/a\nb"));
    CHECK(!weftos_run_profile_can_name("/a\x7f"));
    CHECK(weftos_run_profile_can_name("/a \"\\()\xc3\xa4;#b"));
}

/* ------------------------------------------------------------------ run --- */

static weft_process_spec *new_spec(void)
{
    weft_process_spec *spec = NULL;

    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    /* It has this process's environment, which the double looks into. */
    CHECK_STATUS(weft_process_spec_fork_helper(spec), WEFT_OK);
    return spec;
}

static weft_status run_true(weft_process_spec *spec, weft_level *network)
{
    char *arguments[] = {(char *)(uintptr_t) "/bin/true", NULL};
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process = NULL;
    weft_status status = weft_process_start(spec, arguments, &process, NULL);

    if (status == WEFT_OK) {
        CHECK_STATUS(weft_process_wait(process, peer_soon(), &result), WEFT_OK);
        CHECK(result.exited && result.exit_code == 0);
        *network = result.enforcement[WEFT_FENCE_NETWORK].level;
    }
    weft_process_close(&process);
    return status;
}

static size_t read_file(const char *path, char *text, size_t room)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = file >= 0 ? read(file, text, room - 1) : 0;

    if (file >= 0) {
        (void)close(file);
    }
    text[bytes > 0 ? bytes : 0] = '\0';
    return bytes > 0 ? (size_t)bytes : 0;
}

static void check_runs(const char *folder)
{
    weft_process_spec *spec = new_spec();
    weft_level level = WEFT_LEVEL_UNSUPPORTED;
    char path[256];
    char noted[256];
    char text[8192];
    char line[512];

    (void)snprintf(path, sizeof(path), "%s/it's \"(here)\"", folder);
    (void)snprintf(noted, sizeof(noted), "%s/noted", folder);
    REQUIRE(mkdir(path, 0700) == 0);
    CHECK_STATUS(
        weft_process_spec_path(spec, path, WEFT_ACCESS_WRITE, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_path(spec, "/usr", WEFT_ACCESS_READ, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_isolate(spec, WEFT_FENCE_NETWORK, WEFT_REQUIRE),
        WEFT_OK);

    check_case("without seatbelt what is required is refused");
    CHECK(unsetenv("WEFT_DOUBLE_SEATBELT") == 0);
    CHECK_STATUS(run_true(spec, &level), WEFT_ENOTSUP);
    CHECK(strstr(weft_process_spec_refusal(spec), "no seatbelt") != NULL);
    weft_process_spec_close(&spec);

    check_case("with it the leader confines itself");
    REQUIRE(setenv("WEFT_DOUBLE_SEATBELT", noted, 1) == 0);
    spec = new_spec();
    CHECK_STATUS(
        weft_process_spec_path(spec, path, WEFT_ACCESS_WRITE, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_isolate(spec, WEFT_FENCE_NETWORK, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(run_true(spec, &level), WEFT_OK);
    CHECK(level == WEFT_LEVEL_PROCESS);
    CHECK(read_file(noted, text, sizeof(text)) > 0);
    (void)snprintf(line, sizeof(line),
                   "(allow file-read* file-write* process-exec* (subpath "
                   "\"%s/it's \\\"(here)\\\"\"))",
                   folder);
    CHECK(has_line(text, line));
    CHECK(has_line(text, "(deny network*)"));

    check_case("nothing is laid over a directory");
    CHECK_STATUS(
        weft_process_spec_path(spec, "/usr", WEFT_ACCESS_OVERLAY, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(run_true(spec, &level), WEFT_ENOTSUP);
    weft_process_spec_close(&spec);
    (void)unlink(noted);
    (void)rmdir(path);
}

static void check_refused(void)
{
    weft_process_spec *spec;
    weft_level level = WEFT_LEVEL_PROCESS;

    check_case("a profile that is not taken is as good as none");
    REQUIRE(setenv("WEFT_DOUBLE_SEATBELT", "/nonexistent/noted", 1) == 0);
    spec = new_spec();
    CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_NETWORK, WEFT_TRY),
                 WEFT_OK);
    CHECK_STATUS(run_true(spec, &level), WEFT_OK);
    CHECK(level == WEFT_LEVEL_UNSUPPORTED);
    CHECK_STATUS(
        weft_process_spec_isolate(spec, WEFT_FENCE_NETWORK, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(run_true(spec, &level), WEFT_ENOTSUP);
    weft_process_spec_close(&spec);
}

void test_main(void)
{
    char folder[] = "/tmp/weft-seatbelt-XXXXXX";

    check_text();
    REQUIRE(mkdtemp(folder) != NULL);
    check_runs(folder);
    check_refused();
    CHECK(rmdir(folder) == 0);
}
