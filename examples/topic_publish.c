/* SPDX-License-Identifier: MIT
 *
 * Publishes each line of its input: topic_publish [TOPIC]. Who comes late gets
 * the lines that are still in the ring; when the input ends, so does the topic.
 */
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "topic";
    weft_publisher *publisher;
    weft_detail detail;
    char text[4096];

    if (weft_publisher_open(name, NULL, &publisher, &detail) != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        fprintf(stderr, "cannot publish '%s': %s\n", name, text);
        return 1;
    }
    while (fgets(text, sizeof(text), stdin) != NULL) {
        weft_status status =
            weft_publisher_send(publisher, text, strlen(text), WEFT_FOREVER);

        if (status != WEFT_OK) {
            fprintf(stderr, "publish: %s\n", weft_status_text(status));
            return 1;
        }
    }
    weft_publisher_close(&publisher);
    return 0;
}
