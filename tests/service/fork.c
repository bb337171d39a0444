/* SPDX-License-Identifier: MIT
 *
 * A forked child has a service and a client in name only: it can close them,
 * and the parent's go on.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "serve.h"

static weft_service *service;
static weft_client *client;

static void look_in_child(void)
{
    weft_message message = {.bytes = 0};
    weft_request request;
    weft_reply reply;
    weft_handle handle;
    uint64_t call;

    CHECK_STATUS(weft_service_next(service, &request, WEFT_NOW, NULL),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_service_reply(service, 1, 1, WEFT_OK, 0, NULL),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_service_send(service, 1, &message), WEFT_EFORKED);
    CHECK_STATUS(weft_service_drop(service, 1), WEFT_EFORKED);
    CHECK_STATUS(weft_client_begin(client, &message, WEFT_NOW, &call),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_client_send(client, &message, WEFT_NOW), WEFT_EFORKED);
    CHECK_STATUS(weft_client_next(client, &reply, WEFT_NOW), WEFT_EFORKED);
    CHECK_STATUS(weft_client_cancel(client, 1), WEFT_EFORKED);
    CHECK_STATUS(weft_client_reopen(client, WEFT_NOW, NULL), WEFT_EFORKED);
    CHECK_STATUS(weft_client_handle(client, &handle), WEFT_EFORKED);
    weft_client_close(&client);
    weft_service_close(&service);
}

void test_main(void)
{
    struct serve plan;
    peer_process server;
    pid_t child;
    int status = 0;

    peer_names_begin();
    check_case("a child's copies do nothing, and are closed");
    serve_init(&plan);
    server = serve_run(&plan);
    client = serve_connect();
    serve_call(client, "e", "e");
    REQUIRE(weft_service_open("own", NULL, &service, NULL) == WEFT_OK);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        look_in_child();
        check_exit_child();
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    check_case("the parent's go on");
    serve_call(client, "e", "e");
    CHECK_STATUS(weft_service_open("own", NULL, &(weft_service *){NULL}, NULL),
                 WEFT_EINUSE);
    weft_service_close(&service);
    serve_end(&server, &client);
    peer_gate_deinit(&plan.ready);
    peer_names_end();
}
