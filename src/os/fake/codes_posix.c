/* SPDX-License-Identifier: MIT
 *
 * The causes of the fake's failures as errno has them.
 */
#include <errno.h>

#include "fake.h"

const int fake_codes[FAKE_CAUSES] = {
    [FAKE_NO_CODE] = 0,           [FAKE_BAD_HANDLE] = EBADF,
    [FAKE_BAD_IO] = EIO,          [FAKE_BROKEN] = EPIPE,
    [FAKE_DENIED] = EACCES,       [FAKE_IN_USE] = EADDRINUSE,
    [FAKE_NOTHING_YET] = EAGAIN,  [FAKE_NOT_FOUND] = ENOENT,
    [FAKE_NO_HANDLES] = EMFILE,   [FAKE_NO_MEMORY] = ENOMEM,
    [FAKE_UNSUPPORTED] = ENOTSUP,
};
