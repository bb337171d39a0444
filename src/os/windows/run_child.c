/* SPDX-License-Identifier: MIT
 *
 * The leader: its command line, environment and directory, and how it is made.
 *
 * It is made in its job and does not run until all is ready. It inherits copies
 * of its standard streams and of its channel, which are made for it alone and
 * named one by one: so what another supervisor makes inheritable at the same
 * time is not for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "run.h"
#include "run_text.h"

#define PATH_ROOM 32768
#define LINE_MOST 32767        /* of CreateProcessW, with the end */
#define ELEVATION_REQUIRED 740 /* older headers have no name for it */
#define PASSED 4               /* three streams and a channel */

/* What a leader is made with. */
struct plan {
    HANDLE passed[PASSED]; /* copies that it inherits; NULL: none */
    struct run_text directory;
    struct run_text program;
    struct run_text line;
    struct run_text environment; /* a block, ended by an empty text */
    LPPROC_THREAD_ATTRIBUTE_LIST attributes;
};

static bool refuse(struct run *run, weft_status status, DWORD cause,
                   const char *step)
{
    weftos_run_refuse(run, status, cause, "cannot %s", step);
    return false;
}

static bool refuse_last(struct run *run, const char *step)
{
    DWORD cause = GetLastError();

    return refuse(run, weftos_error_status(cause), cause, step);
}

/* ------------------------------------------------------------- directory ---
 */

/* Without the prefix that many programs can't live with in a directory. */
static const wchar_t *plain(wchar_t *path)
{
    if (wcsncmp(path, L"\\\\?\\UNC\\", 8) == 0) {
        path[6] = L'\\';
        return path + 6;
    }
    return wcsncmp(path, L"\\\\?\\", 4) == 0 ? path + 4 : path;
}

static bool find_directory(struct run *run, struct plan *plan)
{
    static const char step[] = "enter the working directory";
    wchar_t *room = calloc(PATH_ROOM, sizeof(*room));
    const wchar_t *path;
    DWORD length;
    weft_status status;

    if (room == NULL) {
        return refuse(run, WEFT_ENOMEM, 0, step);
    }
    length = GetFinalPathNameByHandleW(
        weftos_native(run->handles[WEFTI_RUN_DIRECTORY]), room, PATH_ROOM, 0);
    if (length == 0 || length >= PATH_ROOM) {
        free(room);
        return refuse_last(run, step);
    }
    path = plain(room);
    status = weftos_text_add(&plan->directory, path, wcslen(path));
    free(room);
    return status == WEFT_OK || refuse(run, status, 0, step);
}

/* ----------------------------------------------------------- environment ---
 */

/* Variables as one sorts them to make a block. */
struct variables {
    struct run_text *items;
    size_t count;
};

static bool is_named(const struct run_text *variable, const wchar_t *name)
{
    size_t length = wcslen(name);

    return variable->length > length && variable->units[length] == L'=' &&
           _wcsnicmp(variable->units, name, length) == 0;
}

static struct run_text *find_variable(const struct variables *all,
                                      const wchar_t *name)
{
    for (size_t i = 0; i < all->count; i++) {
        if (is_named(&all->items[i], name)) {
            return &all->items[i];
        }
    }
    return NULL;
}

/* Replaces it, or adds it; there is room. */
static weft_status set_variable(struct variables *all, const wchar_t *name,
                                const wchar_t *value)
{
    struct run_text *place = find_variable(all, name);
    weft_status status;

    if (place == NULL) {
        place = &all->items[all->count++];
    }
    place->length = 0;
    status = weftos_text_add(place, name, wcslen(name));
    if (status == WEFT_OK) {
        status = weftos_text_add(place, L"=", 1);
    }
    return status == WEFT_OK ? weftos_text_add(place, value, wcslen(value))
                             : status;
}

/* Those that weft adds, at most ADDED_MOST. */
#define ADDED_MOST 5
static weft_status add_own(const struct run *run, const struct plan *plan,
                           struct variables *all)
{
    static const wchar_t *const temps[] = {L"TEMP", L"TMP", L"TMPDIR"};
    wchar_t value[MAX_PATH];
    weft_status status = WEFT_OK;

    /* Windows' own libraries do not work without it. */
    if (find_variable(all, L"SystemRoot") == NULL &&
        GetWindowsDirectoryW(value, ARRAYSIZE(value)) > 0) {
        status = set_variable(all, L"SystemRoot", value);
    }
    for (size_t i = 0; i < ARRAYSIZE(temps) && run->temp != NULL; i++) {
        if (status == WEFT_OK) {
            status = set_variable(all, temps[i], run->temp);
        }
    }
    if (status == WEFT_OK && plan->passed[3] != NULL) {
        (void)_snwprintf(value, ARRAYSIZE(value), L"%llu",
                         (unsigned long long)(uintptr_t)plan->passed[3]);
        status = set_variable(all, L"" WEFT_CHANNEL_ENV, value);
    }
    return status;
}

static int compare(const void *one, const void *other)
{
    const struct run_text *texts[] = {one, other};

    return CompareStringOrdinal(texts[0]->units, (int)texts[0]->length,
                                texts[1]->units, (int)texts[1]->length, TRUE) -
           CSTR_EQUAL;
}

static weft_status join(const struct variables *all, struct run_text *block)
{
    weft_status status = WEFT_OK;

    for (size_t i = 0; i < all->count && status == WEFT_OK; i++) {
        status = weftos_text_add(block, all->items[i].units,
                                 all->items[i].length + 1);
    }
    return status == WEFT_OK ? weftos_text_add(block, L"\0", 2) : status;
}

static weft_status read_variables(const struct run *run, struct variables *all)
{
    const struct wefti_run_request *request = run->request;
    const char *text = (const char *)request + request->variables;
    weft_status status = WEFT_OK;

    for (uint32_t i = 0; i < request->variable_count && status == WEFT_OK;
         i++) {
        if (text[0] != '\0') {
            status = weftos_text_add_utf8(&all->items[all->count++], text);
        }
        text += strlen(text) + 1;
    }
    return status;
}

/* Calls `use` with the variables that the program is to have. */
static weft_status with_variables(const struct run *run, struct plan *plan,
                                  weft_status (*use)(const struct run *run,
                                                     struct plan *plan,
                                                     struct variables *all))
{
    struct variables all = {NULL, 0};
    weft_status status = WEFT_ENOMEM;

    all.items = calloc((size_t)run->request->variable_count + ADDED_MOST,
                       sizeof(*all.items));
    if (all.items != NULL) {
        status = read_variables(run, &all);
    }
    if (status == WEFT_OK) {
        status = add_own(run, plan, &all);
    }
    if (status == WEFT_OK) {
        status = use(run, plan, &all);
    }
    for (size_t i = 0; i < all.count; i++) {
        weftos_text_free(&all.items[i]);
    }
    free(all.items);
    return status;
}

/* --------------------------------------------------------------- program ---
 */

/* Its PATH is what the program is looked for by, as elsewhere. */
static weft_status find_program(const struct run *run, struct plan *plan,
                                struct variables *all)
{
    const struct run_text *search = find_variable(all, L"PATH");
    const struct run_text *endings = find_variable(all, L"PATHEXT");
    const char *name = (const char *)run->request + run->request->arguments;

    return weftos_program_find(
        name, plan->directory.units, search != NULL ? search->units + 5 : L"",
        endings != NULL ? endings->units + 8 : L".COM;.EXE;.BAT;.CMD",
        &plan->program);
}

static weft_status use_variables(const struct run *run, struct plan *plan,
                                 struct variables *all)
{
    weft_status status = find_program(run, plan, all);

    if (status != WEFT_OK) {
        return status;
    }
    qsort(all->items, all->count, sizeof(*all->items), compare);
    return join(all, &plan->environment);
}

static bool refuse_program(struct run *run, weft_status status)
{
    run->is_program_wrong = status == WEFT_ENOENT || status == WEFT_EACCES;
    if (status == WEFT_ENOENT) {
        return refuse(run, status, ERROR_FILE_NOT_FOUND, "execute it");
    }
    if (status == WEFT_EACCES) {
        return refuse(run, status, ERROR_BAD_EXE_FORMAT,
                      "execute it: a batch file has to be given to cmd.exe");
    }
    return refuse(run, status, 0,
                  status == WEFT_EINVAL
                      ? "take its name and environment, which are not UTF-8"
                      : "take its environment");
}

static bool write_line(struct run *run, struct plan *plan)
{
    const char *text = (const char *)run->request + run->request->arguments;
    weft_status status = WEFT_OK;

    for (uint32_t i = 0; i < run->request->argument_count && status == WEFT_OK;
         i++) {
        status = weftos_text_add_argument(&plan->line, text);
        text += strlen(text) + 1;
    }
    if (status == WEFT_EINVAL) {
        return refuse(run, status, 0,
                      "take its arguments, which are not UTF-8, or whose first "
                      "has a quote");
    }
    if (status == WEFT_OK && plan->line.length >= LINE_MOST) {
        return refuse(run, WEFT_ELIMIT, ERROR_FILENAME_EXCED_RANGE,
                      "take so many arguments");
    }
    return status == WEFT_OK || refuse(run, status, 0, "take its arguments");
}

/* -------------------------------------------------------------- handles --- */

/* For its access: reading, or writing as well. */
static HANDLE open_nothing(bool writes)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    HANDLE opened = CreateFileW(
        L"NUL", writes ? GENERIC_WRITE | GENERIC_READ : GENERIC_READ,
        FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, OPEN_EXISTING, 0, NULL);

    return opened != INVALID_HANDLE_VALUE ? opened : NULL;
}

static bool copy_handles(struct run *run, struct plan *plan)
{
    HANDLE self = GetCurrentProcess();

    for (unsigned i = 0; i < PASSED; i++) {
        weft_handle handle =
            run->handles[i < 3 ? WEFTI_RUN_INPUT + i : WEFTI_RUN_CHANNEL];

        if (handle != WEFTOS_NONE) {
            if (!DuplicateHandle(self, weftos_native(handle), self,
                                 &plan->passed[i], 0, TRUE,
                                 DUPLICATE_SAME_ACCESS)) {
                return refuse_last(run, "copy a handle");
            }
        } else if (i < 3) {
            plan->passed[i] = open_nothing(i > 0);
            if (plan->passed[i] == NULL) {
                return refuse_last(run, "open a standard stream");
            }
        }
    }
    return true;
}

static LPPROC_THREAD_ATTRIBUTE_LIST make_attributes(DWORD count)
{
    LPPROC_THREAD_ATTRIBUTE_LIST list;
    SIZE_T bytes = 0;

    (void)InitializeProcThreadAttributeList(NULL, count, 0, &bytes);
    list = calloc(1, bytes);
    if (list != NULL &&
        !InitializeProcThreadAttributeList(list, count, 0, &bytes)) {
        free(list);
        list = NULL;
    }
    return list;
}

static void free_attributes(LPPROC_THREAD_ATTRIBUTE_LIST list)
{
    if (list != NULL) {
        DeleteProcThreadAttributeList(list);
        free(list);
    }
}

/* --------------------------------------------------------------- making --- */

/* The statuses that Windows has for what is no program. */
static weft_status status_of(DWORD cause)
{
    switch (cause) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return WEFT_ENOENT;
    case ERROR_BAD_EXE_FORMAT:
    case ERROR_EXE_MACHINE_TYPE_MISMATCH:
    case ERROR_INVALID_EXE_SIGNATURE:
    case ELEVATION_REQUIRED:
        return WEFT_EACCES;
    default:
        return weftos_error_status(cause);
    }
}

/* With the helper's token, or another. */
static bool create_once(HANDLE token, const struct plan *plan,
                        STARTUPINFOW *startup, PROCESS_INFORMATION *made)
{
    const DWORD flags = CREATE_SUSPENDED | CREATE_NEW_PROCESS_GROUP |
                        CREATE_UNICODE_ENVIRONMENT |
                        EXTENDED_STARTUPINFO_PRESENT;
    const wchar_t *program = plan->program.units;
    const wchar_t *directory = plan->directory.units;

    return token != NULL
               ? CreateProcessAsUserW(
                     token, program, plan->line.units, NULL, NULL, TRUE, flags,
                     plan->environment.units, directory, startup, made) != 0
               : CreateProcessW(program, plan->line.units, NULL, NULL, TRUE,
                                flags, plan->environment.units, directory,
                                startup, made) != 0;
}

static bool create(HANDLE token, const struct plan *plan, STARTUPINFOW *startup,
                   PROCESS_INFORMATION *made)
{
    for (int i = 1; i < WEFTOS_CREATE_TRIES; i++) {
        if (create_once(token, plan, startup, made)) {
            return true;
        }
        if (GetLastError() != ERROR_INTERNAL_ERROR) {
            return false;
        }
    }
    return create_once(token, plan, startup, made);
}

/* Before Windows 10 a process can't be made in a job, but it can be put there.
 */
static bool enter_job(HANDLE job, const PROCESS_INFORMATION *made)
{
    BOOL is_in = FALSE;

    return (IsProcessInJob(made->hProcess, job, &is_in) && is_in) ||
           AssignProcessToJobObject(job, made->hProcess) != 0;
}

static bool place(struct run *run, const PROCESS_INFORMATION *made)
{
    DWORD_PTR cpus = weftos_run_job_cpus(run);

    if (enter_job(run->job, made) &&
        (cpus == 0 || SetProcessAffinityMask(made->hProcess, cpus))) {
        return true;
    }
    (void)refuse_last(run, "put it into its job");
    (void)TerminateProcess(made->hProcess, RUN_KILLED);
    return false;
}

static bool make(struct run *run, struct plan *plan)
{
    size_t passed = plan->passed[3] != NULL ? PASSED : PASSED - 1;
    STARTUPINFOEXW startup = {.StartupInfo = {.cb = sizeof(startup)}};
    PROCESS_INFORMATION made = {.hProcess = NULL};

    plan->attributes = make_attributes(2);
    if (plan->attributes == NULL ||
        !UpdateProcThreadAttribute(
            plan->attributes, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
            plan->passed, passed * sizeof(HANDLE), NULL, NULL)) {
        return refuse_last(run, "name what it inherits");
    }
    (void)UpdateProcThreadAttribute(plan->attributes, 0,
                                    PROC_THREAD_ATTRIBUTE_JOB_LIST, &run->job,
                                    sizeof(run->job), NULL, NULL);
    startup.lpAttributeList = plan->attributes;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = plan->passed[0];
    startup.StartupInfo.hStdOutput = plan->passed[1];
    startup.StartupInfo.hStdError = plan->passed[2];
    if (!create(run->token, plan, &startup.StartupInfo, &made)) {
        DWORD cause = GetLastError();

        weft_status status = status_of(cause);

        run->is_program_wrong = status == WEFT_ENOENT || status == WEFT_EACCES;
        return refuse(run, status, cause, "execute it");
    }
    run->leader = made.hProcess;
    run->leader_thread = made.hThread;
    run->leader_pid = made.dwProcessId;
    return place(run, &made);
}

static void drop(struct plan *plan)
{
    for (unsigned i = 0; i < PASSED; i++) {
        weftos_close_native(plan->passed[i]);
    }
    free_attributes(plan->attributes);
    weftos_text_free(&plan->directory);
    weftos_text_free(&plan->program);
    weftos_text_free(&plan->line);
    weftos_text_free(&plan->environment);
}

bool weftos_run_child_make(struct run *run)
{
    struct plan plan = {.attributes = NULL};
    bool is_made = false;
    weft_status status;

    if (copy_handles(run, &plan) && find_directory(run, &plan) &&
        write_line(run, &plan)) {
        status = with_variables(run, &plan, use_variables);
        is_made =
            status == WEFT_OK ? make(run, &plan) : refuse_program(run, status);
    }
    drop(&plan);
    if (is_made) {
        /* The program has its own: what it closes is closed. */
        weftos_close(run->handles[WEFTI_RUN_CHANNEL]);
        run->handles[WEFTI_RUN_CHANNEL] = WEFTOS_NONE;
        for (unsigned i = 0; i < 3; i++) {
            weftos_close(run->handles[WEFTI_RUN_INPUT + i]);
            run->handles[WEFTI_RUN_INPUT + i] = WEFTOS_NONE;
        }
    }
    return is_made;
}

bool weftos_run_make_idler(HANDLE job, HANDLE token, HANDLE *process)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION made = {.hProcess = NULL};
    wchar_t *path = calloc(PATH_ROOM, sizeof(*path));
    DWORD length = path != NULL ? GetModuleFileNameW(NULL, path, PATH_ROOM) : 0;
    wchar_t line[] = L"weft-helper";
    bool is_made = false;

    if (length > 0 && length < PATH_ROOM) {
        is_made = token != NULL
                      ? CreateProcessAsUserW(token, path, line, NULL, NULL,
                                             FALSE, CREATE_SUSPENDED, NULL,
                                             NULL, &startup, &made) != 0
                      : CreateProcessW(path, line, NULL, NULL, FALSE,
                                       CREATE_SUSPENDED, NULL, NULL, &startup,
                                       &made) != 0;
    }
    free(path);
    if (!is_made) {
        return false;
    }
    (void)CloseHandle(made.hThread);
    if (job != NULL && !AssignProcessToJobObject(job, made.hProcess)) {
        (void)TerminateProcess(made.hProcess, RUN_KILLED);
        (void)CloseHandle(made.hProcess);
        return false;
    }
    *process = made.hProcess;
    return true;
}
