/* SPDX-License-Identifier: MIT
 *
 * Options: what is wrong is named, what is not known must be zero.
 */
#include <stddef.h>
#include <string.h>

#include "check.h"
#include "peer.h"

/* As a later header might have them. */
struct longer_options {
    weft_channel_options known;
    unsigned char more[40];
};

/* Tries the options where all calls look at them. */
static weft_status try_options(const weft_channel_options *options,
                               weft_detail *detail)
{
    weft_channel *channel = NULL;
    weft_handle theirs = WEFT_HANDLE_NONE;
    weft_status status = weft_channel_pair(options, &channel, &theirs, detail);

    CHECK((status == WEFT_OK) == (channel != NULL));
    CHECK((status == WEFT_OK) == (theirs != WEFT_HANDLE_NONE));
    if (status == WEFT_OK) {
        CHECK(peer_close(theirs));
        weft_channel_close(&channel);
    }
    return status;
}

static void check_fault(const weft_channel_options *options, const char *name)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_listener *listener;
    weft_channel *channel;
    char text[128];

    CHECK_STATUS(try_options(options, &detail), WEFT_EINVAL);
    CHECK_STATUS(detail.status, WEFT_EINVAL);
    (void)weft_detail_text(&detail, text, sizeof(text));
    CHECK(strstr(text, name) != NULL);
    CHECK_STATUS(weft_channel_listen("x", options, &listener, NULL),
                 WEFT_EINVAL);
    CHECK(listener == NULL);
    CHECK_STATUS(weft_channel_connect("x", options, WEFT_NOW, &channel, NULL),
                 WEFT_EINVAL);
    CHECK(channel == NULL);
}

static void test_size(void)
{
    struct longer_options longer = {.known = WEFT_CHANNEL_OPTIONS_INIT};
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    check_case("options of this header, and none, are right");
    CHECK_STATUS(try_options(&options, NULL), WEFT_OK);
    CHECK_STATUS(try_options(NULL, NULL), WEFT_OK);

    check_case("longer options are right if the rest is zero");
    longer.known.size = sizeof(longer);
    CHECK_STATUS(try_options(&longer.known, NULL), WEFT_OK);
    longer.more[39] = 1;
    check_fault(&longer.known, "size");

    check_case("shorter options are right down to a limit");
    options.size = offsetof(weft_channel_options, peer_ring_max_bytes);
    CHECK_STATUS(try_options(&options, NULL), WEFT_OK);
    options.size = 8;
    check_fault(&options, "size");
    options.size = 0;
    check_fault(&options, "size");
}

/* What lies beyond a shorter size is not looked at. */
static void test_shorter(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    check_case("what lies beyond a shorter size is not looked at");
    options.size = offsetof(weft_channel_options, ring_max_bytes);
    options.ring_max_bytes = 77;
    CHECK_STATUS(try_options(&options, NULL), WEFT_OK);
}

static void test_faults(void)
{
    static const struct {
        weft_channel_options options;
        const char *name;
    } faults[] = {
#define FAULT(field, value)                                                    \
    {{.size = sizeof(weft_channel_options), .field = (value)}, #field}
        FAULT(wait, (weft_wait)4),
        FAULT(full, (weft_full)2),
        FAULT(flags, 4),
        FAULT(flags, 0x80000000u),
        FAULT(mode, 01000),
        FAULT(ring_bytes, 3000),
        FAULT(ring_bytes, SIZE_MAX),
        FAULT(ring_bytes, (size_t)2 << 30),
        FAULT(ring_max_bytes, 5000),
        FAULT(ring_max_bytes, (size_t)2 << 30),
        FAULT(message_max_bytes, WEFT_MESSAGE_MAX + 1),
#undef FAULT
    };
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    check_case("each wrong option is refused and named");
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        check_fault(&faults[i].options, faults[i].name);
    }

    check_case("a ring can't begin larger than it may grow");
    options.ring_bytes = 8192;
    options.ring_max_bytes = 4096;
    check_fault(&options, "ring_max_bytes");

    check_case("a ring beyond the default maximum takes that along");
    options.ring_bytes = (size_t)16 << 20;
    options.ring_max_bytes = 0;
    CHECK_STATUS(try_options(&options, NULL), WEFT_OK);
}

static void test_arguments(void)
{
    weft_handle theirs;
    weft_channel *channel;
    size_t bytes;

    check_case("calls without a channel or an output are refused");
    CHECK_STATUS(weft_channel_pair(NULL, NULL, &theirs, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_pair(NULL, &channel, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_listen("x", NULL, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_listen(NULL, NULL, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_connect(NULL, NULL, WEFT_NOW, &channel, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_channel_accept(NULL, WEFT_NOW, &channel, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_channel_send(NULL, "x", 1), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_recv(NULL, NULL, 0, &bytes), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_flush(NULL, WEFT_NOW), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_recv_handle(NULL, &theirs), WEFT_EINVAL);
    CHECK(weft_listener_handle(NULL) == WEFT_HANDLE_NONE);
    weft_listener_close(NULL);
}

void test_main(void)
{
    test_size();
    test_shorter();
    test_faults();
    test_arguments();
}
