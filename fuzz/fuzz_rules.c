/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the rules of who may be touched: the input is their text. What is
 * taken is compared with a process of which all is known, and with one of which
 * nothing is: that one must be protected.
 */
#include <stdlib.h>

#include <weft/protect.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const weft_memory_identity known = {
        .size = sizeof(known),
        .valid = UINT32_MAX,
        .marks_known = WEFT_MARK_ALL,
        .pid = 4711,
        .owner = 1000,
        .ignores_case = true,
        .name = "ab",
        .exe = "/opt/aaaa/aaab/aaaa b",
        .group = "/a/b.slice"};
    static const weft_memory_identity unknown = {
        .size = sizeof(unknown), .marks_known = WEFT_MARK_ALL, .pid = 4711};
    weft_memory_rules *rules = NULL;
    uint32_t line = 0;
    weft_status status = weft_memory_rules_open((const char *)data, size,
                                                &rules, &line, NULL);

    if ((status == WEFT_OK) != (rules != NULL) ||
        !weft_memory_protection(&unknown, rules, true, NULL) ||
        (!weft_memory_protection(&known, rules, false, NULL) &&
         weft_memory_protection(&known, rules, true, NULL))) {
        abort();
    }
    weft_memory_rules_close(&rules);
    return 0;
}
