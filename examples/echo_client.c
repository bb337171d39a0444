/* SPDX-License-Identifier: MIT
 *
 * Echo, the client: sends each line of its input and prints the answer. It
 * may be started before the server: it waits for the name, asleep.
 */
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

int main(int argc, char **argv)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    const char *name = argc > 1 ? argv[1] : "echo";
    weft_channel *server;
    weft_detail detail;
    char text[4096];

    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    if (weft_channel_connect(name, &options, WEFT_FOREVER, &server, &detail) !=
        WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        fprintf(stderr, "cannot connect to '%s': %s\n", name, text);
        return 1;
    }
    while (fgets(text, sizeof(text), stdin) != NULL) {
        size_t bytes = strlen(text);
        weft_status status = weft_channel_send(server, text, bytes);

        if (status == WEFT_OK) {
            status = weft_channel_recv(server, text, sizeof(text), &bytes);
        }
        if (status != WEFT_OK) {
            fprintf(stderr, "the server: %s\n", weft_status_text(status));
            return 1;
        }
        fwrite(text, 1, bytes, stdout);
    }
    weft_channel_close(&server);
    return 0;
}
