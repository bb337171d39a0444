/* SPDX-License-Identifier: MIT
 *
 * Who may reach a listener's pipe: its list of access rights says so. Nobody
 * else but this user and the system, unless the mode lets others in; and those
 * may connect, and not listen beside us.
 */
#include <aclapi.h>
#include <stdio.h>
#include <windows.h>

#include "check.h"
#include "peer.h"

/* The right that would let a client make another instance of the pipe. */
#define MAKE_INSTANCE 4u

/* A list of rights, with the descriptor that it is a part of. */
struct list {
    PSECURITY_DESCRIPTOR descriptor;
    ACL *entries;
    SECURITY_DESCRIPTOR_CONTROL control;
};

static char path[64];

static weft_listener *listen_with(unsigned mode)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_listener *listener;

    options.mode = mode;
    REQUIRE(weft_channel_listen(path, &options, &listener, NULL) == WEFT_OK);
    return listener;
}

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
    weft_listener *listener = listen_with(0);
    struct list list;

    check_case("this user and the system may reach a name, and nobody else");
    read_list(&list);
    CHECK(list.entries->AceCount == 2);
    check_own(&list);
    (void)LocalFree(list.descriptor);
    weft_listener_close(&listener);
}

static void test_others(void)
{
    weft_listener *listener = listen_with(0666);
    const ACCESS_ALLOWED_ACE *others;
    struct list list;

    check_case("other users may connect where the mode says so, not listen");
    read_list(&list);
    REQUIRE(list.entries->AceCount == 3);
    check_own(&list);
    others = entry_of(&list, 2);
    CHECK(is_known(others, WinAuthenticatedUserSid));
    CHECK((others->Mask & (MAKE_INSTANCE | WRITE_DAC | WRITE_OWNER)) == 0);
    (void)LocalFree(list.descriptor);
    weft_listener_close(&listener);
}

void test_main(void)
{
    (void)snprintf(path, sizeof(path), "\\\\.\\pipe\\weft-test-users-%d",
                   peer_self());
    test_own();
    test_others();
}
