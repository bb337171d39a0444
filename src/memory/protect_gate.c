/* SPDX-License-Identifier: MIT
 *
 * The way to a process.
 *
 * A number that was read a moment ago may be another process's now:
 *
 *     who plans                          the system
 *     identify 4711: a compiler
 *                                        4711 ends
 *                                        4711 is the number of a new sshd
 *     act on 4711
 *
 * So the process is opened first. The handle means it alone, and while it
 * lives nobody else gets its number. Then it is identified, and last it is
 * asked whether it still lives: if so, all that was read was read of it.
 */
#include <string.h>

#include "../ipc/handshake.h"
#include "../os/identity.h"
#include "memory.h"
#include "protect_gate.h"

/* With the handle open. */
static weft_status pass(int64_t pid, uint64_t started,
                        const weft_memory_rules *rules, bool is_named,
                        struct wefti_gate *gate, weft_detail *detail)
{
    weft_status status = weftos_identify("", pid, &gate->identity, detail);

    if (status != WEFT_OK) {
        return status;
    }
    if (gate->identity.pid != pid || gate->identity.started != started ||
        !weftos_target_lives(gate->target)) {
        return wefti_fail(detail, WEFT_ENOENT, "find the process");
    }
    return weft_memory_protection(&gate->identity, rules, is_named,
                                  &gate->protection)
               ? wefti_fail(detail, WEFT_EACCES, "touch a protected process")
               : WEFT_OK;
}

weft_status wefti_gate_open(weft_memory *memory, int64_t pid, uint64_t started,
                            const weft_memory_rules *rules, bool is_named,
                            struct wefti_gate *gate, weft_detail *detail)
{
    weft_status status;

    if (gate == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    memset(gate, 0, sizeof(*gate));
    gate->target = WEFT_HANDLE_NONE;
    gate->identity.size = sizeof(gate->identity);
    gate->protection.size = sizeof(gate->protection);
    /* Of nobody: whoever looks at it after a failure finds it protected. */
    (void)weft_memory_protection(NULL, NULL, false, &gate->protection);
    status = wefti_memory_check(memory, "open a process", detail);
    if (status == WEFT_OK) {
        status = weftos_target_open(pid, &gate->target, detail);
    }
    if (status == WEFT_OK) {
        status = pass(pid, started, rules, is_named, gate, detail);
    }
    if (status != WEFT_OK) {
        wefti_gate_close(gate);
    }
    return status;
}

void wefti_gate_close(struct wefti_gate *gate)
{
    weftos_target_close(gate->target);
    gate->target = WEFT_HANDLE_NONE;
}
