/* SPDX-License-Identifier: MIT
 *
 * Who may reach a listener's pipe: its list of access rights says so. Nobody
 * else but this user and the system; and a mode that lets others in is refused.
 */
#include <aclapi.h>
#include <stdio.h>
#include <windows.h>

#include "check.h"
#include "peer.h"

/* A list of rights, with the descriptor that it is a part of. */
struct list {
    PSECURITY_DESCRIPTOR descriptor;
    ACL *entries;
    SECURITY_DESCRIPTOR_CONTROL control;
};

static char path[64];

static void read_list(struct list *list)
{
    HANDLE pipe = CreateFileA(path, GENERIC_READ | READ_CONTROL, 0, NULL,
                              OPEN_EXISTING, 0, NULL);
    DWORD revision;

    REQUIRE(pipe != INVALID_HANDLE_VALUE);
    REQUIRE(GetSecurityInfo(pipe, SE_KERNEL_OBJECT, DACL_SECURITY_INFORMATION,
                            NULL, NULL, &list->entries, NULL,
                            &list->descriptor) == ERROR_SUCCESS);
    REQUIRE(list->entries != NULL);
    REQUIRE(GetSecurityDescriptorControl(list->descriptor, &list->control,
                                         &revision));
    CHECK(CloseHandle(pipe));
}

static const ACCESS_ALLOWED_ACE *entry_of(const struct list *list, DWORD index)
{
    void *entry = NULL;

    REQUIRE(GetAce(list->entries, index, &entry));
    return entry;
}

static bool is_known(const ACCESS_ALLOWED_ACE *entry, WELL_KNOWN_SID_TYPE kind)
{
    return IsWellKnownSid((PSID)(uintptr_t)&entry->SidStart, kind) != 0;
}

static bool is_own_user(const ACCESS_ALLOWED_ACE *entry)
{
    union {
        TOKEN_USER user;
        BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } found;
    DWORD bytes;
    HANDLE token;

    REQUIRE(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    REQUIRE(
        GetTokenInformation(token, TokenUser, &found, sizeof(found), &bytes));
    CHECK(CloseHandle(token));
    return EqualSid(found.user.User.Sid, (PSID)(uintptr_t)&entry->SidStart) !=
           0;
}

/* The first two of every list. */
static void check_own(const struct list *list)
{
    CHECK((list->control & SE_DACL_PROTECTED) != 0);
    CHECK(is_own_user(entry_of(list, 0)));
    CHECK(is_known(entry_of(list, 1), WinLocalSystemSid));
}

static void test_own(void)
{
    weft_listener *listener;
    struct list list;

    check_case("this user and the system may reach a name, and nobody else");
    REQUIRE(weft_channel_listen(path, NULL, &listener, NULL) == WEFT_OK);
    read_list(&list);
    CHECK(list.entries->AceCount == 2);
    check_own(&list);
    (void)LocalFree(list.descriptor);
    weft_listener_close(&listener);
}

static void test_others(void)
{
    static const unsigned modes[] = {0660, 0606, 0601, 0777};
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_shared_options shared_options = WEFT_SHARED_OPTIONS_INIT;
    weft_listener *listener;
    weft_shared *shared;
    weft_detail detail;

    check_case("a mode that lets others in is refused");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        options.mode = modes[i];
        shared_options.mode = modes[i];
        CHECK_STATUS(weft_channel_listen(path, &options, &listener, &detail),
                     WEFT_ENOTSUP);
        CHECK(detail.operation != NULL);
        CHECK_STATUS(
            weft_shared_open("users", 64, &shared_options, &shared, &detail),
            WEFT_ENOTSUP);
        CHECK(detail.operation != NULL);
    }
}

void test_main(void)
{
    (void)snprintf(path, sizeof(path), "\\\\.\\pipe\\weft-test-users-%d",
                   peer_self());
    test_own();
    test_others();
}
