/* SPDX-License-Identifier: MIT
 *
 * Fails every call of those about the system, one at a time: what is not known
 * then is absent, and nothing is kept.
 */
#include <string.h>

#include <weft/system.h>

#include "check.h"
#include "os/fake/fake.h"

static char text[16384];

static uint32_t ask_system(void)
{
    weft_system system = {.size = sizeof(system)};

    CHECK_STATUS(weft_system_info(&system), WEFT_OK);
    return system.valid;
}

static uint32_t ask_self(void)
{
    weft_self self = {.size = sizeof(self)};

    CHECK_STATUS(weft_self_usage(&self), WEFT_OK);
    return self.valid;
}

static void check_folder(int length)
{
    CHECK(length > 0 || text[0] == '\0');
    CHECK(length > 0 || length == (int)WEFT_ENOENT ||
          length == (int)WEFT_ENOTSUP || length == (int)WEFT_ENOMEM);
}

static void ask_all(uint32_t system, uint32_t self)
{
    CHECK((ask_system() & ~system) == 0);
    CHECK((ask_self() & ~self) == 0);
    check_folder(weft_path_home(text, sizeof(text), NULL));
    check_folder(weft_path_config(text, sizeof(text), NULL));
    check_folder(weft_path_temp(text, sizeof(text), NULL));
    check_folder(weft_path_runtime(text, sizeof(text), NULL));
}

void test_main(void)
{
    uint32_t system = ask_system();
    uint32_t self = ask_self();
    uint64_t number = 0;
    bool has_failed = true;

    check_case("each call about the system fails once");
    ask_all(system, self);
    check_keep_handles(); /* of libraries that are loaded once */
    while (has_failed) {
        int64_t live = fake_live_allocations();

        fake_fail_at(++number, 0);
        ask_all(system, self);
        has_failed = fake_failed_variants() != 0;
        fake_reset();
        CHECK(fake_live_allocations() == live);
    }
    CHECK(number > 1);
}
