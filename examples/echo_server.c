/* SPDX-License-Identifier: MIT
 *
 * Echo, the server: lets one client in and sends back what it says.
 */
#include <weft/weft.h>

int main(int argc, char **argv)
{
    weft_listener *listener;
    weft_channel *client;
    char text[4096];
    size_t bytes;

    if (weft_channel_listen(argc > 1 ? argv[1] : "echo", NULL, &listener,
                            NULL) != WEFT_OK ||
        weft_channel_accept(listener, WEFT_FOREVER, &client, NULL) != WEFT_OK) {
        return 1;
    }
    while (weft_channel_recv(client, text, sizeof(text), &bytes) == WEFT_OK &&
           weft_channel_send(client, text, bytes) == WEFT_OK) {
    }
    weft_channel_close(&client);
    weft_listener_close(&listener);
    return 0;
}
