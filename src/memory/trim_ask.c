/* SPDX-License-Identifier: MIT
 *
 * Asking programs to give memory back.
 */
#include <weft/trim.h>

#include "../ipc/handshake.h"

weft_status weft_memory_ask(weft_trim_level level,
                            const weft_memory_ask_options *options,
                            uint64_t deadline_ns, weft_memory_answer *answers,
                            size_t room, size_t *count, weft_detail *detail)
{
    (void)level;
    (void)options;
    (void)deadline_ns;
    (void)answers;
    (void)room;
    (void)count;
    return wefti_fail(detail, WEFT_ENOTSUP, "ask for memory");
}
