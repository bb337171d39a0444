/* SPDX-License-Identifier: MIT
 *
 * Where the macOS back end puts what others would clean up or forbid: files
 * with names, and memory in the App Sandbox.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "os/os.h"

#define BYTES ((size_t)16384)

/* ---------------------------------------------------------------- files --- */

/* As long as the ones below /var/folders: no room for a socket's path. */
static char kept[] = "/tmp/weft-double-XXXXXX";
static char user[64];
static char weft[72];
static char file[160];

#define NAME "m-a-name-that-fits-no-socket-address-behind-such-a-directory"

static void make_nothing(void *base, size_t bytes, void *context)
{
    (void)base;
    (void)bytes;
    (void)context;
}

static bool is_there(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

static void check_files(void)
{
    size_t bytes = BYTES;
    weft_handle handle;
    void *base;

    check_case("files with names lie nowhere without a directory to keep");
    REQUIRE(mkdtemp(kept) != NULL);
    (void)snprintf(user, sizeof(user), "%s/folders-ab-cdefghijklmnop", kept);
    (void)snprintf(weft, sizeof(weft), "%s/weft", user);
    (void)snprintf(file, sizeof(file), "%s/%s.mem", weft, NAME);
    REQUIRE(unsetenv("XDG_RUNTIME_DIR") == 0);
    REQUIRE(unsetenv("WEFT_RUNTIME_DIR") == 0);
    REQUIRE(setenv("WEFT_DOUBLE_USER", weft, 1) == 0);
    CHECK_STATUS(weftos_shm_open(NAME, 0600, &bytes, make_nothing, NULL,
                                 &handle, &base, NULL),
                 WEFT_EOS);

    check_case("and in the one that macOS keeps, once it has said which");
    REQUIRE(setenv("WEFT_DOUBLE_USER", user, 1) == 0);
    for (int i = 0; i < 2; i++) {
        REQUIRE(weftos_shm_open(NAME, 0600, &bytes, make_nothing, NULL, &handle,
                                &base, NULL) == WEFT_OK);
        CHECK(is_there(file));
        weftos_shm_unmap(base, BYTES);
        weftos_close(handle);
        REQUIRE(unsetenv("WEFT_DOUBLE_USER") == 0);
    }
    CHECK(unlink(file) == 0 && rmdir(weft) == 0 && rmdir(user) == 0);
    CHECK(rmdir(kept) == 0);
}

/* -------------------------------------------------------------- sandbox --- */

#define GROUP "ABCDE12345.ab" /* as long as can be: 13 bytes */

static weft_status create(weft_detail *detail)
{
    const void *seen = NULL;
    weft_handle object;
    void *base;
    weft_status status = weftos_shm_create(BYTES, &object, &base, detail);

    if (status == WEFT_OK) {
        CHECK_STATUS(weftos_shm_attach(object, BYTES, &seen, NULL), WEFT_OK);
        weftos_shm_unmap(seen, BYTES);
        weftos_shm_unmap(base, BYTES);
        weftos_close(object);
    }
    return status;
}

static void check_sandbox(void)
{
    weft_detail detail = {WEFT_OK, 0, NULL};

    check_case("in a sandbox memory takes the group of the application");
    REQUIRE(setenv("WEFT_DOUBLE_SANDBOX", GROUP, 1) == 0);
    CHECK_STATUS(create(&detail), WEFT_EACCES);
    CHECK(detail.os_code == EPERM && detail.operation != NULL &&
          strstr(detail.operation, "WEFT_APP_GROUP") != NULL);
    REQUIRE(setenv("WEFT_APP_GROUP", GROUP, 1) == 0);
    CHECK_STATUS(create(NULL), WEFT_OK);
    REQUIRE(setenv("WEFT_APP_GROUP", "ABCDE12345.x", 1) == 0);
    CHECK_STATUS(create(NULL), WEFT_EACCES);

    check_case("a group that leaves no room for a random name is refused");
    REQUIRE(setenv("WEFT_APP_GROUP", GROUP "c", 1) == 0);
    CHECK_STATUS(create(&detail), WEFT_ENAME);
    CHECK(detail.operation != NULL && strstr(detail.operation, "group"));

    check_case("without a sandbox a group does no harm, nor does an empty one");
    REQUIRE(unsetenv("WEFT_DOUBLE_SANDBOX") == 0);
    REQUIRE(setenv("WEFT_APP_GROUP", "g", 1) == 0);
    CHECK_STATUS(create(NULL), WEFT_OK);
    REQUIRE(setenv("WEFT_APP_GROUP", "", 1) == 0);
    CHECK_STATUS(create(NULL), WEFT_OK);
}

void test_main(void)
{
    check_files();
    check_sandbox();
}
