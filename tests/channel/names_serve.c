/* SPDX-License-Identifier: MIT */
#include "channel/names_serve.h"
#include "check.h"
#include "peer.h"

weft_service *names_service(const char *name)
{
    weft_service *service = NULL;

    REQUIRE(weft_service_open(name, NULL, &service, NULL) == WEFT_OK);
    return service;
}

void names_serve(weft_service *service, unsigned clients)
{
    weft_request request;

    while (clients > 0 &&
           CHECK_STATUS(weft_service_next(service, &request, peer_soon(), NULL),
                        WEFT_OK)) {
        if (request.kind == WEFT_REQUEST_CALL) {
            CHECK_STATUS(weft_service_reply(service, request.client,
                                            request.call, WEFT_OK, 0, NULL),
                         WEFT_OK);
        }
        clients -= request.kind == WEFT_REQUEST_DISCONNECT;
    }
}
