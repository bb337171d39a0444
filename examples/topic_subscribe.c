/* SPDX-License-Identifier: MIT
 *
 * Prints what is published, and how much it has missed: topic_subscribe
 * [TOPIC]. It may be started before the publisher, whose name it then waits
 * for, asleep, or after it.
 */
#include <stdio.h>

#include <weft/weft.h>

int main(int argc, char **argv)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    const char *name = argc > 1 ? argv[1] : "topic";
    weft_subscriber *subscriber;
    weft_detail detail;
    weft_status status;
    char text[4096];

    options.flags = WEFT_SUBSCRIBER_AWAIT_NAME | WEFT_SUBSCRIBER_HISTORY;
    if (weft_subscriber_open(name, &options, WEFT_FOREVER, &subscriber,
                             &detail) != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        fprintf(stderr, "cannot subscribe to '%s': %s\n", name, text);
        return 1;
    }
    for (;;) {
        weft_publication news = {.data = text, .bytes = sizeof(text)};

        status = weft_subscriber_recv(subscriber, &news, WEFT_FOREVER);
        if (status != WEFT_OK) {
            break;
        }
        if (news.lost > 0) {
            printf("(%llu missed)\n", (unsigned long long)news.lost);
        }
        fwrite(text, 1, news.bytes, stdout);
        fflush(stdout);
    }
    fprintf(stderr, "%s: %s\n", name, weft_status_text(status));
    weft_subscriber_close(&subscriber);
    return status == WEFT_ECLOSED ? 0 : 1;
}
