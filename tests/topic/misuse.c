/* SPDX-License-Identifier: MIT
 *
 * What is not right is refused, and says so; what is polled is ready in time.
 */
#include <string.h>

#include "check.h"
#include "reader.h"

static void refuse_publisher(const weft_publisher_options *options)
{
    weft_publisher *publisher;
    weft_detail detail = {WEFT_OK, 0, ""};

    CHECK_STATUS(
        weft_publisher_open(READER_TOPIC, options, &publisher, &detail),
        WEFT_EINVAL);
    CHECK(publisher == NULL && detail.status == WEFT_EINVAL);
}

static void test_publisher_options(void)
{
    const weft_publisher_options start = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher_options options = start;
    weft_publisher *publisher;

    options.flags = 4;
    refuse_publisher(&options);
    options = start;
    options.ring_bytes = 8192;
    refuse_publisher(&options);
    options.ring_bytes = 100000;
    refuse_publisher(&options);
    options.ring_bytes = (size_t)2 << 30;
    refuse_publisher(&options);
    options = start;
    options.size = 8;
    refuse_publisher(&options);
    options = start;
    options.wait = (weft_wait)17;
    refuse_publisher(&options);
    options = start;
    options.mode = 01000;
    refuse_publisher(&options);
    options = start;
    options.subscribers_max = 1u << 21;
    refuse_publisher(&options);
    CHECK_STATUS(weft_publisher_open(NULL, NULL, &publisher, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_publisher_open(READER_TOPIC, NULL, NULL, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_publisher_open("a/b", NULL, &publisher, NULL),
                 WEFT_ENAME);
    weft_publisher_close(&publisher);
    weft_publisher_close(NULL);
}

static void test_subscriber_options(void)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_publisher *publisher = reader_open(NULL);
    weft_subscriber *subscriber;

    options.flags = 32;
    CHECK_STATUS(weft_subscriber_open(READER_TOPIC, &options, peer_soon(),
                                      &subscriber, NULL),
                 WEFT_EINVAL);
    options.flags = 0;
    options.ring_max_bytes = (size_t)512 << 10;
    CHECK_STATUS(weft_subscriber_open(READER_TOPIC, &options, peer_soon(),
                                      &subscriber, NULL),
                 WEFT_EPROTO);
    options.ring_max_bytes = (size_t)1 << 20;
    CHECK_STATUS(weft_subscriber_open(READER_TOPIC, &options, peer_soon(),
                                      &subscriber, NULL),
                 WEFT_OK);
    weft_subscriber_close(&subscriber);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
}

static void test_tap(void)
{
    weft_tap_options options = WEFT_TAP_OPTIONS_INIT;
    weft_tap_stats stats = {.size = 8};
    weft_publication publication = {.data = NULL, .bytes = 1};
    weft_publisher *publisher = reader_open(NULL);
    weft_detail detail;
    weft_tap *tap;

    options.flags = 16;
    CHECK_STATUS(
        weft_tap_open(READER_TOPIC, &options, peer_soon(), &tap, &detail),
        WEFT_EINVAL);
    CHECK(tap == NULL && detail.status == WEFT_EINVAL);
    options.flags = 0;
    options.size = 8;
    CHECK_STATUS(weft_tap_open(READER_TOPIC, &options, peer_soon(), &tap, NULL),
                 WEFT_EINVAL);
    options.size = sizeof(options);
    options.ring_max_bytes = (size_t)512 << 10;
    CHECK_STATUS(weft_tap_open(READER_TOPIC, &options, peer_soon(), &tap, NULL),
                 WEFT_EPROTO);
    CHECK_STATUS(weft_tap_open(NULL, NULL, peer_soon(), &tap, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_tap_open(READER_TOPIC, NULL, peer_soon(), NULL, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_tap_open("a+1", NULL, peer_soon(), &tap, NULL),
                 WEFT_ENAME);
    REQUIRE(weft_tap_open(READER_TOPIC, NULL, peer_soon(), &tap, NULL) ==
            WEFT_OK);
    CHECK_STATUS(weft_tap_next(NULL, &publication), WEFT_EINVAL);
    CHECK_STATUS(weft_tap_next(tap, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_tap_next(tap, &publication), WEFT_EINVAL);
    CHECK_STATUS(weft_tap_get_stats(NULL, &stats), WEFT_EINVAL);
    CHECK_STATUS(weft_tap_get_stats(tap, &stats), WEFT_EINVAL);
    weft_tap_detail(tap, &detail);
    CHECK_STATUS(detail.status, WEFT_OK);
    weft_tap_close(&tap);
    weft_tap_close(&tap);
    weft_tap_close(NULL);
    weft_publisher_close(&publisher);
}

static void test_calls(void)
{
    weft_publisher *publisher = reader_open(NULL);
    weft_publisher_stats stats = {.size = 8};
    weft_subscriber_stats of_subscriber = {.size = 8};
    weft_publication publication = {.data = NULL, .bytes = 1};
    weft_subscriber *subscriber;
    weft_handle handle;
    weft_detail detail;

    REQUIRE(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    CHECK_STATUS(weft_publisher_send(NULL, "", 0, WEFT_NOW), WEFT_EINVAL);
    CHECK_STATUS(weft_publisher_send(publisher, NULL, 1, WEFT_NOW),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_publisher_send(publisher, NULL, 0, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_EINVAL);
    CHECK_STATUS(weft_subscriber_get_stats(subscriber, &of_subscriber),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_subscriber_recv(subscriber, NULL, WEFT_NOW), WEFT_EINVAL);
    CHECK_STATUS(weft_subscriber_handle(NULL, &handle), WEFT_EINVAL);
    CHECK_STATUS(weft_subscriber_handle(subscriber, NULL), WEFT_EINVAL);
    CHECK(weft_publisher_message_max(NULL) == 0);
    CHECK(weft_subscriber_message_max(NULL) == 0);
    weft_subscriber_detail(subscriber, &detail);
    CHECK_STATUS(detail.status, WEFT_OK);
    publication.bytes = 0;
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_OK);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                 WEFT_EAGAIN);
    CHECK_STATUS(weft_subscriber_recv(subscriber, &publication,
                                      weft_after_ns(20 * PEER_MS)),
                 WEFT_ETIMEDOUT);
    weft_subscriber_close(&subscriber);
    weft_publisher_close(&publisher);
}

/* Neither a channel nor a service takes a topic for one of its own. */
static void test_patterns(void)
{
    weft_publisher *publisher = reader_open(NULL);
    weft_channel *channel;
    weft_client *client;

    CHECK_STATUS(
        weft_channel_connect(READER_TOPIC, NULL, peer_soon(), &channel, NULL),
        WEFT_EPROTO);
    CHECK_STATUS(
        weft_client_open(READER_TOPIC, NULL, peer_soon(), &client, NULL),
        WEFT_EPROTO);
    weft_publisher_close(&publisher);
}

static void test_full(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_subscriber *subscribers[3];
    weft_publisher *publisher;

    options.subscribers_max = 2;
    publisher = reader_open(&options);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_STATUS(weft_subscriber_open(READER_TOPIC, NULL, peer_soon(),
                                          &subscribers[i], NULL),
                     i < 2 ? WEFT_OK : WEFT_ELIMIT);
    }
    for (unsigned i = 0; i < 3; i++) {
        weft_subscriber_close(&subscribers[i]);
    }
    weft_publisher_close(&publisher);
}

void test_main(void)
{
    peer_names_begin();
    check_case("bad options of a publisher are refused");
    test_publisher_options();
    check_case("bad options of a subscriber are refused");
    test_subscriber_options();
    check_case("bad options and arguments of a tap are refused");
    test_tap();
    check_case("bad arguments are refused, and no deadline is missed");
    test_calls();
    check_case("a topic is no channel and no service");
    test_patterns();
    check_case("no more subscribers come in than may");
    test_full();
    peer_names_end();
}
