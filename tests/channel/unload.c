/* SPDX-License-Identifier: MIT
 *
 * A program that loads the library by dlopen and closes it again can fork: the
 * library's handler of fork, and its thread, stay where they are.
 */
#include <dlfcn.h>
#include <string.h>

#include "check.h"
#include "peer.h"

typedef weft_status pair_call(const weft_channel_options *options,
                              weft_channel **out, weft_handle *theirs,
                              weft_detail *detail);
typedef void close_call(weft_channel **channel);

/* C has no conversion from what dlsym gives to a pointer to a function. */
static void find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    REQUIRE(symbol != NULL);
    memcpy(function, &symbol, sizeof(symbol));
}

static void use(void *library)
{
    weft_channel *channel = NULL;
    weft_handle theirs;
    pair_call *pair;
    close_call *end;

    find(library, "weft_channel_pair", &pair);
    find(library, "weft_channel_close", &end);
    REQUIRE(pair(NULL, &channel, &theirs, NULL) == WEFT_OK);
    end(&channel);
    CHECK(peer_close(theirs));
}

static void do_nothing(void *context)
{
    (void)context;
}

void test_main(void)
{
    void *library = dlopen(WEFT_TEST_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    peer_process child;

    check_case("a library that was used stays loaded, and fork works");
    if (!CHECK(library != NULL)) {
        return;
    }
    use(library);
    check_keep_handles();
    CHECK(dlclose(library) == 0);
    CHECK(dlopen(WEFT_TEST_LIBRARY, RTLD_NOW | RTLD_NOLOAD) != NULL);
    child = peer_run(do_nothing, NULL, 0);
    CHECK(peer_ended_well(&child));
}
