/* SPDX-License-Identifier: MIT
 *
 * Users, privilege and access.
 *
 * A process is looked at through its token. Windows shows the token of any
 * process of the same user, unless it is the more privileged one; what can't
 * be seen counts as the least: another user, of rank 0.
 *
 * Nameless objects get a list of rights too, an empty one: without it, who
 * holds a handle with few rights could make one with more. The entry for
 * S-1-3-4, "owner rights", takes from the owner what it otherwise always has,
 * the right to change that list.
 */
#include "security.h"

#include <aclapi.h>
#include <sddl.h>
#include <wchar.h>

/* --------------------------------------------------------------- tokens --- */

/* A variable-sized piece of a token; the SIDs in it are of bounded size. */
union token_piece {
    TOKEN_USER user;
    TOKEN_MANDATORY_LABEL label;
    BYTE room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
};

static bool ask_token(HANDLE token, TOKEN_INFORMATION_CLASS what, void *piece,
                      DWORD bytes)
{
    DWORD used;

    return GetTokenInformation(token, what, piece, bytes, &used);
}

static bool is_in_sandbox(HANDLE token)
{
    DWORD is_container = 0;

    /* The question is unknown before Windows 8, as containers are. */
    return IsTokenRestricted(token) ||
           (ask_token(token, TokenIsAppContainer, &is_container,
                      sizeof(is_container)) &&
            is_container != 0);
}

static weftos_rank rank_of(HANDLE token)
{
    union token_piece piece;
    PSID level;

    if (is_in_sandbox(token) ||
        !ask_token(token, TokenIntegrityLevel, &piece, sizeof(piece))) {
        return 0;
    }
    level = piece.label.Label.Sid;
    return *GetSidSubAuthority(level, *GetSidSubAuthorityCount(level) - 1u);
}

/* ----------------------------------------------------------------- self --- */

static weft_status fill_self(struct weftos_self *self, weft_detail *detail)
{
    static const char step[] = "ask for this process's user";
    union token_piece piece;
    wchar_t *text = NULL;
    HANDLE token;
    weft_status status = WEFT_OK;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        return weftos_fail(detail, WEFT_EOS, GetLastError(), step);
    }
    if (!ask_token(token, TokenUser, &piece, sizeof(piece)) ||
        !CopySid(sizeof(self->sid), self->sid, piece.user.User.Sid) ||
        !ConvertSidToStringSidW(self->sid, &text)) {
        status = weftos_fail(detail, WEFT_EOS, GetLastError(), step);
    } else {
        (void)wcsncpy(self->sid_text, text, WEFTOS_SID_TEXT - 1);
        self->rank = rank_of(token);
    }
    (void)LocalFree(text);
    (void)CloseHandle(token);
    return status;
}

const struct weftos_self *weftos_get_self(weft_detail *detail)
{
    static struct weftos_self self;
    static bool is_filled;
    static SRWLOCK lock = SRWLOCK_INIT;
    weft_status status = WEFT_OK;

    AcquireSRWLockExclusive(&lock);
    if (!is_filled) {
        status = fill_self(&self, detail);
        is_filled = status == WEFT_OK;
    }
    ReleaseSRWLockExclusive(&lock);
    return status == WEFT_OK ? &self : NULL;
}

/* --------------------------------------------------------------- others --- */

static void look_at_token(struct weftos_party *party)
{
    const struct weftos_self *self = weftos_get_self(NULL);
    union token_piece piece;
    HANDLE token;

    if (self == NULL ||
        !OpenProcessToken(party->process, TOKEN_QUERY, &token)) {
        return;
    }
    party->is_same_user =
        ask_token(token, TokenUser, &piece, sizeof(piece)) &&
        EqualSid((PSID)(uintptr_t)self->sid, piece.user.User.Sid);
    party->rank = rank_of(token);
    (void)CloseHandle(token);
}

void weftos_party_open(struct weftos_party *party, DWORD pid)
{
    static const DWORD rights[] = {
        PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE | PROCESS_DUP_HANDLE,
        PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE,
        PROCESS_QUERY_LIMITED_INFORMATION,
    };

    *party = (struct weftos_party){.pid = pid};
    for (size_t i = 0; party->process == NULL && i < ARRAYSIZE(rights); i++) {
        party->process = OpenProcess(rights[i], FALSE, pid);
        party->can_reach = party->process != NULL && i == 0;
        party->can_watch = party->process != NULL && i <= 1;
    }
    if (party->process != NULL) {
        look_at_token(party);
    }
}

void weftos_party_close(struct weftos_party *party)
{
    weftos_close_native(party->process);
    party->process = NULL;
}

/* --------------------------------------------------------------- access --- */

static weft_status make_access(enum weftos_access access,
                               SECURITY_ATTRIBUTES *attributes,
                               weft_detail *detail)
{
    const struct weftos_self *self = weftos_get_self(detail);
    wchar_t text[2 * WEFTOS_SID_TEXT + 64] = L"D:P(A;;RC;;;S-1-3-4)";

    if (self == NULL) {
        return WEFT_EOS;
    }
    if (access != WEFTOS_ACCESS_NOBODY) {
        (void)_snwprintf(text, ARRAYSIZE(text) - 1,
                         L"O:%lsD:P(A;;GA;;;%ls)(A;;GA;;;SY)", self->sid_text,
                         self->sid_text);
    }
    attributes->nLength = sizeof(*attributes);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text, SDDL_REVISION_1, &attributes->lpSecurityDescriptor, NULL)) {
        return weftos_fail(detail, WEFT_EOS, GetLastError(),
                           "make a list of access rights");
    }
    return WEFT_OK;
}

SECURITY_ATTRIBUTES *weftos_get_access(enum weftos_access access,
                                       weft_detail *detail)
{
    static SECURITY_ATTRIBUTES made[WEFTOS_ACCESSES];
    static SRWLOCK lock = SRWLOCK_INIT;
    weft_status status = WEFT_OK;

    AcquireSRWLockExclusive(&lock);
    if (made[access].lpSecurityDescriptor == NULL) {
        status = make_access(access, &made[access], detail);
    }
    ReleaseSRWLockExclusive(&lock);
    return status == WEFT_OK ? &made[access] : NULL;
}

bool weftos_is_own_object(HANDLE object)
{
    const struct weftos_self *self = weftos_get_self(NULL);
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    bool is_own;

    if (self == NULL ||
        GetSecurityInfo(object, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION,
                        &owner, NULL, NULL, NULL,
                        &descriptor) != ERROR_SUCCESS) {
        return false;
    }
    is_own = owner != NULL && EqualSid(owner, (PSID)(uintptr_t)self->sid);
    (void)LocalFree(descriptor);
    return is_own;
}
