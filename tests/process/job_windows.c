/* SPDX-License-Identifier: MIT
 *
 * What programs under limits are on Windows alone: command lines, where a
 * program is, what it inherits, jobs and helpers that are killed. This test is
 * the program that it runs, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "check.h"
#include "os/windows/process_list.h"
#include "os/windows/run_text.h"
#include "peer.h"
#include "process/helped.h"

#define LONG_PATH ((size_t)2 * MAX_PATH)

/* ---------------------------------------------------------- the program --- */

static void put_wide(const wchar_t *text)
{
    char *narrow = NULL;

    if (weftos_text_narrow(text, &narrow) == WEFT_OK) {
        (void)printf("%s\n", narrow);
    }
    free(narrow);
}

static int act_wide(void)
{
    wchar_t value[64] = L"-";

    (void)GetEnvironmentVariableW(L"WEFT_WIDE", value, 64);
    put_wide(value);
    put_wide(wcsrchr(GetCommandLineW(), L' ') + 1);
    return 0;
}

/* Leaves a file and a directory with one in its temporary directory. */
static int act_temp(bool stays)
{
    wchar_t room[MAX_PATH];
    wchar_t path[LONG_PATH];
    DWORD length = GetTempPathW(MAX_PATH, room);
    HANDLE file;

    if (length == 0) {
        return 1;
    }
    put_wide(room);
    (void)fflush(stdout);
    (void)_snwprintf(path, LONG_PATH, L"%lsdirectory", room);
    if (!CreateDirectoryW(path, NULL)) {
        return 2;
    }
    (void)_snwprintf(path, LONG_PATH, L"%lsdirectory\\file", room);
    file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW,
                       FILE_ATTRIBUTE_READONLY, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return 3;
    }
    (void)CloseHandle(file);
    if (stays) {
        (void)puts("made");
        (void)fflush(stdout);
        peer_await_kill();
    }
    return 0;
}

static int act_cpus(void)
{
    DWORD_PTR own = 0;
    DWORD_PTR all = 0;

    (void)GetProcessAffinityMask(GetCurrentProcess(), &own, &all);
    (void)printf("%u\n", (unsigned)own);
    return 0;
}

/* A host in a tree: its own tree is in the other one's job, too. */
static int act_host(void)
{
    char *arguments[] = {(char *)(uintptr_t)helped_self(),
                         (char *)(uintptr_t) "--sleep", NULL};
    weft_process_spec *spec = NULL;
    weft_process *process = NULL;

    if (weft_process_spec_open(&spec) != WEFT_OK ||
        weft_process_start(spec, arguments, &process, NULL) != WEFT_OK) {
        return 1;
    }
    (void)puts("started");
    (void)fflush(stdout);
    peer_await_kill();
    return 2;
}

static int act(char **arguments)
{
    const char *role = arguments[1] != NULL ? arguments[1] : "";

    helped_begin();
    if (strcmp(role, "--wide") == 0) {
        return act_wide();
    }
    if (strcmp(role, "--temp") == 0) {
        return act_temp(false);
    }
    if (strcmp(role, "--temp-stay") == 0) {
        return act_temp(true);
    }
    if (strcmp(role, "--cpus") == 0) {
        return act_cpus();
    }
    if (strcmp(role, "--host") == 0) {
        return act_host();
    }
    if (strcmp(role, "--sleep") == 0) {
        peer_await_kill();
    }
    if (strcmp(role, "--crash-code") == 0) {
        ExitProcess(0xC0000005u);
    }
    if (strcmp(role, "--mixed") == 0) {
        const char *value = getenv("weft_MIXED");

        (void)printf("%s\n", value != NULL ? value : "-");
        return 0;
    }
    return -1;
}

/* --------------------------------------------------------- command lines ---
 */

typedef LPWSTR *WINAPI split_call(LPCWSTR line, int *count);

static split_call *find_split(void)
{
    HMODULE shell = LoadLibraryW(L"shell32.dll");

    REQUIRE(shell != NULL);
    check_keep_handles(); /* it has some of its own */
    return (split_call *)(void (*)(void))GetProcAddress(shell,
                                                        "CommandLineToArgvW");
}

/* Does Windows split the line into these arguments again? */
static bool come_back(split_call *split, const char *const *given, int count)
{
    struct run_text line = {NULL, 0, 0};
    bool same = true;
    LPWSTR *words;
    int found = 0;

    for (int i = 0; i < count; i++) {
        CHECK_STATUS(weftos_text_add_argument(&line, given[i]), WEFT_OK);
    }
    words = split(line.units, &found);
    same = words != NULL && found == count;
    for (int i = 0; i < count && same; i++) {
        char *narrow = NULL;

        same = weftos_text_narrow(words[i], &narrow) == WEFT_OK &&
               strcmp(narrow, given[i]) == 0;
        free(narrow);
    }
    if (!same) {
        printf("# %ls\n", line.units);
    }
    (void)LocalFree(words);
    weftos_text_free(&line);
    return same;
}

static void check_lines(void)
{
    static const char letters[] = "a \\\"\t\\\"\\";
    static const char *const texts[] = {"C:\\Program Files\\x.exe",
                                        "",
                                        " ",
                                        "\"",
                                        "\\",
                                        "\\\\\"\\\\",
                                        "ends\\",
                                        "two words\\",
                                        "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
                                        "line\nbreak",
                                        "a\"\"b"};
    struct run_text line = {NULL, 0, 0};
    split_call *split = find_split();
    char room[6][12];
    const char *given[6] = {"program"};
    uint64_t random = 1;
    bool same = true;

    check_case("Windows splits a command line into what it was made of");
    CHECK(come_back(split, texts, sizeof(texts) / sizeof(texts[0])));
    for (unsigned i = 0; i < 3000 && same; i++) {
        for (unsigned k = 1; k < 6; k++) {
            size_t length = peer_random(&random) % sizeof(room[k]);

            for (size_t j = 0; j < length; j++) {
                room[k][j] =
                    letters[peer_random(&random) % (sizeof(letters) - 1)];
            }
            room[k][length] = '\0';
            given[k] = room[k];
        }
        same = CHECK(come_back(split, given, 6));
    }

    check_case("what can't be written there is refused");
    CHECK_STATUS(weftos_text_add_argument(&line, "a\"b"), WEFT_EINVAL);
    CHECK_STATUS(weftos_text_add_argument(&line, "program"), WEFT_OK);
    CHECK_STATUS(weftos_text_add_argument(&line, "\xff\xfe"), WEFT_EINVAL);
    weftos_text_free(&line);
}

/* -------------------------------------------------------------- programs ---
 */

struct folder {
    wchar_t path[MAX_PATH];
};

static void make_folder(struct folder *folder)
{
    wchar_t place[MAX_PATH];

    REQUIRE(GetTempPathW(MAX_PATH, place) > 0);
    (void)_snwprintf(folder->path, MAX_PATH, L"%lsweft-test-%d", place,
                     peer_self());
    REQUIRE(CreateDirectoryW(folder->path, NULL));
}

static void make_file(const struct folder *folder, const wchar_t *name)
{
    wchar_t path[LONG_PATH];
    HANDLE file;

    (void)_snwprintf(path, LONG_PATH, L"%ls\\%ls", folder->path, name);
    file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CHECK(CloseHandle(file));
}

static void remove_file(const struct folder *folder, const wchar_t *name)
{
    wchar_t path[LONG_PATH];

    (void)_snwprintf(path, LONG_PATH, L"%ls\\%ls", folder->path, name);
    CHECK(DeleteFileW(path));
}

/* What a name leads to, of which the end is given; NULL: the status tells. */
static bool leads_to(const struct folder *folder, const char *name,
                     weft_status expected, const wchar_t *end)
{
    struct run_text found = {NULL, 0, 0};
    wchar_t search[LONG_PATH];
    weft_status status;
    bool same;

    (void)_snwprintf(search, LONG_PATH, L";C:\\nonesuch;\"%ls\"", folder->path);
    status = weftos_program_find(name, folder->path, search, L".COM;.EXE;.BAT",
                                 &found);
    same = status == expected &&
           (end == NULL ||
            (found.length >= wcslen(end) &&
             wcscmp(found.units + found.length - wcslen(end), end) == 0));
    if (!same) {
        printf("# %s: %d %ls\n", name, (int)status, found.units);
    }
    weftos_text_free(&found);
    return same;
}

static void check_programs(void)
{
    struct folder folder;

    make_folder(&folder);
    make_file(&folder, L"one.exe");
    make_file(&folder, L"two.bat");
    make_file(&folder, L"three");
    make_file(&folder, L"four.txt");

    check_case("a program is found by the endings, on the search path");
    CHECK(leads_to(&folder, "one", WEFT_OK, L"\\one.EXE"));
    CHECK(leads_to(&folder, "one.exe", WEFT_OK, L"\\one.exe"));
    CHECK(leads_to(&folder, "four.txt", WEFT_OK, L"\\four.txt"));
    CHECK(leads_to(&folder, "four", WEFT_ENOENT, NULL));
    CHECK(leads_to(&folder, "three", WEFT_ENOENT, NULL));
    CHECK(leads_to(&folder, "five", WEFT_ENOENT, NULL));
    CHECK(leads_to(&folder, "one.exe:stream", WEFT_ENOENT, NULL));

    check_case("or from the working directory, if its name says so");
    CHECK(leads_to(&folder, ".\\one", WEFT_OK, L"\\one.EXE"));
    CHECK(leads_to(&folder, "./one.exe", WEFT_OK, L"one.exe"));
    CHECK(leads_to(&folder, "sub\\one", WEFT_ENOENT, NULL));

    check_case("a batch file is refused, however it is written");
    CHECK(leads_to(&folder, "two", WEFT_EACCES, NULL));
    CHECK(leads_to(&folder, "two.bat", WEFT_EACCES, NULL));
    CHECK(leads_to(&folder, ".\\TWO.BAT", WEFT_EACCES, NULL));
    remove_file(&folder, L"one.exe");
    remove_file(&folder, L"two.bat");
    remove_file(&folder, L"three");
    remove_file(&folder, L"four.txt");
    CHECK(RemoveDirectoryW(folder.path));
}

/* -------------------------------------------------------------- starting ---
 */

static weft_process_spec *new_spec(void)
{
    weft_process_spec *spec = NULL;

    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    return spec;
}

static weft_process *start(weft_process_spec *spec, const char *role,
                           const char *more)
{
    char *arguments[] = {(char *)(uintptr_t)helped_self(),
                         (char *)(uintptr_t)role, (char *)(uintptr_t)more,
                         NULL};
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};

    if (!CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                      WEFT_OK)) {
        printf("# %s (%d): %s\n", detail.operation, detail.os_code,
               weft_process_spec_refusal(spec));
    }
    REQUIRE(process != NULL);
    return process;
}

static weft_process_result end_of(weft_process **process)
{
    weft_process_result result = {.size = sizeof(result)};

    CHECK_STATUS(weft_process_wait(*process, peer_soon(), &result), WEFT_OK);
    result.evidence = NULL;
    result.enforcement = NULL;
    weft_process_close(process);
    return result;
}

static void lead_out(weft_process_spec *spec, weft_handle ends[2])
{
    helped_pipe(ends);
    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, ends[1]),
                 WEFT_OK);
}

/* What the program has written before its end. */
static void run_role(weft_process_spec *spec, const char *role,
                     const char *more, char *text, size_t room)
{
    weft_process *process;
    weft_handle ends[2];

    lead_out(spec, ends);
    process = start(spec, role, more);
    CHECK(end_of(&process).exit_code == 0);
    CHECK(peer_close(ends[1]));
    (void)helped_read(ends[0], text, room);
    CHECK(peer_close(ends[0]));
}

/* Reads a line of a program that goes on. */
static void read_line(weft_handle end, char *text, size_t room)
{
    size_t bytes = 0;
    DWORD more;

    while (bytes < room - 1 &&
           ReadFile((HANDLE)end, text + bytes, 1, &more, NULL) && more == 1 &&
           text[bytes] != '\n') {
        bytes++;
    }
    text[bytes] = '\0';
}

/* --------------------------------------------------------------- inherited */

static void check_texts(void)
{
    static const char wide[] = "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80";
    weft_process_spec *spec = new_spec();
    char expected[64];
    char text[128];

    check_case("texts pass in UTF-8, whatever the code page");
    CHECK_STATUS(weft_process_spec_variable(spec, "WEFT_WIDE", wide), WEFT_OK);
    run_role(spec, "--wide", wide, text, sizeof(text));
    (void)snprintf(expected, sizeof(expected), "%s\n%s\n", wide, wide);
    CHECK(strcmp(text, expected) == 0);

    check_case("the names of variables are the same in all cases");
    peer_set_variable("Weft_Mixed", "host's");
    CHECK_STATUS(weft_process_spec_variable(spec, "WEFT_mixed", "own"),
                 WEFT_OK);
    run_role(spec, "--mixed", NULL, text, sizeof(text));
    CHECK(strcmp(text, "own\n") == 0);
    peer_set_variable("Weft_Mixed", NULL);
    weft_process_spec_close(&spec);
}

static void check_inherited(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_handle ends[2];
    char text[16];

    check_case("neither program nor helper has what others could inherit");
    helped_pipe(ends);
    peer_pass(ends[1]);
    process = start(spec, "--sleep", NULL);
    CHECK(peer_close(ends[1]));
    CHECK(helped_read(ends[0], text, sizeof(text)) == 0);
    CHECK(peer_close(ends[0]));
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

static void check_cpus(void)
{
    static const uint64_t first = 1;
    static const uint64_t none = UINT64_C(1) << 63;
    weft_process_spec *spec = new_spec();
    char *arguments[] = {(char *)(uintptr_t)helped_self(), NULL};
    weft_process *process = NULL;
    char text[16];

    check_case("it runs on the CPUs that it is given");
    CHECK_STATUS(weft_process_spec_cpus(spec, &first, 1), WEFT_OK);
    run_role(spec, "--cpus", NULL, text, sizeof(text));
    CHECK(strcmp(text, "1\n") == 0);
    CHECK_STATUS(weft_process_spec_cpus(spec, &none, 1), WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_stream(spec, 1, WEFT_STREAM_NULL, WEFT_HANDLE_NONE),
        WEFT_OK);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL),
                 WEFT_EINVAL);
    weft_process_spec_close(&spec);
}

/* -------------------------------------------------------------- the end --- */

/* The process that has started it: the helper. */
static DWORD parent_of(int64_t pid)
{
    struct weftos_process_list all;
    struct weftos_process_entry entry;
    DWORD parent = 0;

    REQUIRE(weftos_list_processes(&all) == 0);
    while (weftos_process_next(&all, &entry)) {
        if ((int64_t)entry.pid == pid) {
            parent = (DWORD)entry.parent;
        }
    }
    CHECK(!all.is_broken);
    free(all.data);
    return parent;
}

static void kill_helper(const weft_process *process)
{
    DWORD pid = parent_of(weft_process_pid(process));

    REQUIRE(pid != 0 && pid != GetCurrentProcessId());
    CHECK(peer_strike((int)pid));
}

static void check_killed_helper(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_process_result result;
    weft_handle ends[2];
    char text[16];

    check_case("a tree ends with its helper, and is said to be lost");
    lead_out(spec, ends);
    process = start(spec, "--sleep", NULL);
    CHECK(peer_close(ends[1]));
    kill_helper(process);
    CHECK(helped_read(ends[0], text, sizeof(text)) == 0);
    CHECK(peer_close(ends[0]));
    CHECK(WaitForSingleObject((HANDLE)weft_process_handle(process), 10000) ==
          WAIT_OBJECT_0);
    result = end_of(&process);
    CHECK(result.reason == WEFT_REASON_LOST && result.survivors == -1);

    check_case("the next start has another one");
    CHECK_STATUS(
        weft_process_spec_stream(spec, 1, WEFT_STREAM_NULL, WEFT_HANDLE_NONE),
        WEFT_OK);
    {
        char *arguments[] = {(char *)(uintptr_t)helped_self(),
                             (char *)(uintptr_t) "--cpus", NULL};
        weft_status status =
            weft_process_start(spec, arguments, &process, NULL);

        /* The first one may be what finds the old one dead. */
        if (status != WEFT_OK) {
            CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL),
                         WEFT_OK);
        }
        REQUIRE(process != NULL);
    }
    CHECK(end_of(&process).exit_code == 0);
    weft_process_spec_close(&spec);
}

static void check_nested(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_handle ends[2];
    char text[16];

    check_case("a tree of a program in a tree ends with that");
    lead_out(spec, ends);
    process = start(spec, "--host", NULL);
    CHECK(peer_close(ends[1]));
    read_line(ends[0], text, sizeof(text));
    CHECK(strncmp(text, "started", 7) == 0);
    CHECK_STATUS(weft_process_kill(process), WEFT_OK);
    CHECK(end_of(&process).survivors == 0);
    CHECK(helped_read(ends[0], text, sizeof(text)) == 0);
    CHECK(peer_close(ends[0]));
    weft_process_spec_close(&spec);
}

static void check_code(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process = start(spec, "--crash-code", NULL);
    weft_process_result result = end_of(&process);

    check_case("a code beyond those of other systems is told as it is");
    CHECK(result.exited && (unsigned)result.exit_code == 0xC0000005u);
    CHECK(result.reason == WEFT_REASON_EXITED && !result.was_killed);
    weft_process_spec_close(&spec);
}

/* ------------------------------------------------------------- temporary ---
 */

static bool is_there(const char *path)
{
    struct run_text wide = {NULL, 0, 0};
    bool found = weftos_text_add_utf8(&wide, path) == WEFT_OK &&
                 GetFileAttributesW(wide.units) != INVALID_FILE_ATTRIBUTES;

    weftos_text_free(&wide);
    return found;
}

/* Without what a line and a directory end with. */
static void cut(char *text)
{
    text[strcspn(text, "\r\n")] = '\0';
    if (text[0] != '\0' && text[strlen(text) - 1] == '\\') {
        text[strlen(text) - 1] = '\0';
    }
}

static void check_temp(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_handle ends[2];
    char left[512];
    char text[512];

    check_case("a directory for temporary files goes with the tree");
    CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_TEMP, WEFT_REQUIRE),
                 WEFT_OK);
    run_role(spec, "--temp", NULL, text, sizeof(text));
    cut(text);
    CHECK(strstr(text, "weft-run-") != NULL && !is_there(text));

    check_case("one that a killed helper has left goes with the next");
    lead_out(spec, ends);
    process = start(spec, "--temp-stay", NULL);
    read_line(ends[0], left, sizeof(left));
    cut(left);
    read_line(ends[0], text, sizeof(text)); /* it has made all */
    kill_helper(process);
    CHECK(end_of(&process).reason == WEFT_REASON_LOST);
    CHECK(is_there(left));
    CHECK(peer_close(ends[0]));
    CHECK(peer_close(ends[1]));
    weft_process_spec_close(&spec);
    spec = new_spec();
    CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_TEMP, WEFT_REQUIRE),
                 WEFT_OK);
    run_role(spec, "--temp", NULL, text, sizeof(text));
    CHECK(!is_there(left));
    weft_process_spec_close(&spec);
}

/* -------------------------------------------------------------- refusals ---
 */

static weft_status try_start(weft_process_spec *spec)
{
    char *arguments[] = {(char *)(uintptr_t)helped_self(),
                         (char *)(uintptr_t) "--cpus", NULL};
    weft_process *process = NULL;
    weft_status status = weft_process_start(spec, arguments, &process, NULL);

    weft_process_close(&process);
    return status;
}

static void check_refusals(void)
{
    static const weft_fence missing[] = {WEFT_FENCE_FILES, WEFT_FENCE_STACK};
    weft_process_spec *spec = new_spec();
    weft_process *process;

    check_case("what Windows does not have is refused");
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        CHECK_STATUS(
            weft_process_spec_limit(spec, missing[i], 0, 100, WEFT_REQUIRE),
            WEFT_OK);
        CHECK_STATUS(try_start(spec), WEFT_ENOTSUP);
        CHECK(strstr(weft_process_spec_refusal(spec),
                     weft_fence_name(missing[i])) != NULL);
        CHECK_STATUS(
            weft_process_spec_limit(spec, missing[i], 0, 100, WEFT_TRY),
            WEFT_OK);
    }

    check_case("unless it is to be tried only");
    CHECK_STATUS(
        weft_process_spec_stream(spec, 1, WEFT_STREAM_NULL, WEFT_HANDLE_NONE),
        WEFT_OK);
    CHECK_STATUS(try_start(spec), WEFT_OK);
    process = start(spec, "--sleep", NULL);
    CHECK_STATUS(weft_process_signal(process, 1, false), WEFT_ENOTSUP);
    weft_process_close(&process);
    weft_process_spec_close(&spec);

    check_case("so are another user, a helper that is a fork, and a sandbox");
    spec = new_spec();
    CHECK_STATUS(weft_process_spec_user(spec, 1, 1), WEFT_OK);
    CHECK_STATUS(try_start(spec), WEFT_ENOTSUP);
    weft_process_spec_close(&spec);
    spec = new_spec();
    CHECK_STATUS(weft_process_spec_fork_helper(spec), WEFT_OK);
    CHECK_STATUS(try_start(spec), WEFT_ENOTSUP);
    weft_process_spec_close(&spec);
    spec = new_spec();
    CHECK_STATUS(weft_process_spec_sandbox(spec, WEFT_SANDBOX_STRICT), WEFT_OK);
    CHECK_STATUS(try_start(spec), WEFT_ENOTSUP);
    weft_process_spec_close(&spec);
}

/* A limit that the job has not kept is not said to be the kernel's. */
static void check_rows(void)
{
    static const weft_fence held[] = {WEFT_FENCE_MEMORY, WEFT_FENCE_PROCESSES};
    weft_process_spec *spec = new_spec();
    weft_enforcement rows[WEFT_FENCE_COUNT];

    check_case("a row says whether the job holds a limit");
    CHECK_STATUS(weft_process_spec_probe(spec, rows, WEFT_FENCE_COUNT, NULL),
                 WEFT_OK);
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
        const weft_enforcement *row = &rows[held[i]];

        CHECK(row->level == WEFT_LEVEL_TREE ||
              (row->level == WEFT_LEVEL_MONITORED &&
               strstr(row->why_not, "not confirmed") != NULL));
    }
    CHECK(rows[WEFT_FENCE_TREE_KILL].level == WEFT_LEVEL_TREE);
    weft_process_spec_close(&spec);
}

void test_main(void)
{
    int code = act(check_arguments);

    if (code >= 0) {
        (void)fflush(stdout);
        exit(code);
    }
    check_lines();
    check_programs();
    check_texts();
    check_inherited();
    check_cpus();
    check_killed_helper();
    check_nested();
    check_code();
    check_temp();
    check_refusals();
    check_rows();
}
