/* SPDX-License-Identifier: MIT
 *
 * os.h: control sockets. A message comes whole, in order, with its handles and
 * its sender's name, and nothing blocks that says it does not.
 */
#include <string.h>

#include "contract.h"

static weft_handle ends[2];

static void close_both(void)
{
    weftos_close(ends[0]);
    weftos_close(ends[1]);
}

static void close_received(weftos_received *received)
{
    for (size_t i = 0; i < received->handle_count; i++) {
        weftos_close(received->handles[i]);
    }
    weftos_close(received->process);
}

static weft_status wait_for_message(weft_handle socket, uint64_t deadline_ns)
{
    return weftos_socket_wait(socket, false, WEFTOS_NONE, deadline_ns, false,
                              NULL);
}

/* Receives the next one; waits may end early. */
static weft_status receive(weft_handle socket, weftos_received *received)
{
    uint64_t late = peer_soon();
    weft_status status;

    do {
        status = weftos_socket_recv(socket, received, NULL);
        if (status != WEFT_EAGAIN) {
            return status;
        }
        status = wait_for_message(socket, late);
    } while (status == WEFT_OK);
    return status;
}

/* ------------------------------------------------------------- messages --- */

static void test_sizes(void)
{
    unsigned char sent[WEFTOS_SOCKET_BYTES];
    weftos_received received;

    check_case("a message of each size arrives whole, both ways, in order");
    contract_sockets(ends);
    for (size_t bytes = 1; bytes <= sizeof(sent); bytes++) {
        for (unsigned end = 0; end < 2; end++) {
            peer_fill(sent, bytes, bytes + end);
            CHECK_STATUS(
                weftos_socket_send(ends[end], sent, bytes, NULL, 0, NULL),
                WEFT_OK);
        }
        for (unsigned end = 0; end < 2; end++) {
            REQUIRE(receive(ends[1 - end], &received) == WEFT_OK);
            CHECK(received.bytes == bytes && received.handle_count == 0);
            CHECK(peer_is_filled(received.data, bytes, bytes + end));
            close_received(&received);
        }
    }
    close_both();
}

static void test_empty(void)
{
    weftos_received received;
    weft_detail detail = {WEFT_OK, 0, NULL};

    check_case("where no message is, none is received");
    contract_sockets(ends);
    for (unsigned end = 0; end < 2; end++) {
        CHECK_STATUS(weftos_socket_recv(ends[end], &received, &detail),
                     WEFT_EAGAIN);
        CHECK(detail.status == WEFT_EAGAIN && detail.operation != NULL);
    }
    close_both();
}

/* Number and content of a message that says its number. */
static weft_status send_number(weft_handle socket, unsigned number)
{
    unsigned char data[100];

    memcpy(data, &number, sizeof(number));
    peer_fill(data + sizeof(number), sizeof(data) - sizeof(number), number);
    return weftos_socket_send(socket, data, sizeof(data), NULL, 0, NULL);
}

static bool receives_number(weft_handle socket, unsigned number)
{
    weftos_received received;
    unsigned found;

    if (!CHECK_STATUS(receive(socket, &received), WEFT_OK)) {
        return false;
    }
    close_received(&received);
    memcpy(&found, received.data, sizeof(found));
    return received.bytes == 100 && found == number &&
           peer_is_filled(received.data + sizeof(found), 100 - sizeof(found),
                          number);
}

#define FULL_MOST 1000000

static void test_full(void)
{
    unsigned sent = 0;
    weft_status status;

    check_case("a full socket takes no more, and loses nothing");
    contract_sockets(ends);
    do {
        status = send_number(ends[0], sent);
        sent += status == WEFT_OK;
    } while (status == WEFT_OK && sent < FULL_MOST);
    CHECK_STATUS(status, WEFT_EAGAIN);
    CHECK(sent > 0);
    CHECK_STATUS(
        weftos_socket_wait(ends[0], true, WEFTOS_NONE, WEFT_NOW, false, NULL),
        WEFT_EAGAIN);
    for (unsigned i = 0; i < sent; i++) {
        if (!CHECK(receives_number(ends[1], i))) {
            break;
        }
    }
    CHECK_STATUS(weftos_socket_wait(ends[0], true, WEFTOS_NONE, peer_soon(),
                                    false, NULL),
                 WEFT_OK);
    CHECK_STATUS(send_number(ends[0], sent), WEFT_OK);
    CHECK(receives_number(ends[1], sent));
    close_both();
}

/* -------------------------------------------------------------- handles --- */

static void send_tokens(size_t count, unsigned first)
{
    weft_handle tokens[WEFTOS_SOCKET_HANDLES];

    for (size_t i = 0; i < count; i++) {
        tokens[i] = peer_token(first + (unsigned)i);
    }
    CHECK_STATUS(
        weftos_socket_send(ends[0], &count, sizeof(count), tokens, count, NULL),
        WEFT_OK);
    /* They stayed ours; the ones under way live on. */
    for (size_t i = 0; i < count; i++) {
        CHECK(peer_close(tokens[i]));
    }
}

static void check_tokens(size_t count, unsigned first)
{
    weftos_received received;

    REQUIRE(receive(ends[1], &received) == WEFT_OK);
    CHECK(received.bytes == sizeof(count) &&
          memcmp(received.data, &count, sizeof(count)) == 0);
    REQUIRE(received.handle_count == count);
    for (size_t i = 0; i < count; i++) {
        CHECK(!peer_is_passed(received.handles[i]));
        CHECK(peer_token_is(received.handles[i], first + (unsigned)i));
    }
    weftos_close(received.process);
}

static void test_handles(void)
{
    check_case("handles arrive with their message, in order");
    contract_sockets(ends);
    for (size_t count = 0; count <= WEFTOS_SOCKET_HANDLES; count++) {
        send_tokens(count, (unsigned)count * 100);
        check_tokens(count, (unsigned)count * 100);
    }
    for (unsigned i = 0; i < 5; i++) {
        send_tokens(i % 3, i * 100);
    }
    for (unsigned i = 0; i < 5; i++) {
        check_tokens(i % 3, i * 100);
    }
    close_both();
}

static void test_lost_handles(void)
{
    int handles = check_open_handles();

    check_case("handles that nobody received are closed with the socket");
    contract_sockets(ends);
    send_tokens(WEFTOS_SOCKET_HANDLES, 1);
    send_tokens(1, 2);
    close_both();
    CHECK(check_open_handles() == handles);
}

/* -------------------------------------------------------- the other end --- */

static void test_hang_up(void)
{
    weftos_received received;

    check_case("what was sent before a hang-up is received, then its end");
    contract_sockets(ends);
    CHECK_STATUS(send_number(ends[0], 1), WEFT_OK);
    CHECK_STATUS(send_number(ends[0], 2), WEFT_OK);
    weftos_socket_hang_up(ends[0]);
    CHECK(receives_number(ends[1], 1));
    CHECK(receives_number(ends[1], 2));
    for (unsigned i = 0; i < 2; i++) {
        CHECK_STATUS(receive(ends[1], &received), WEFT_ECLOSED);
        CHECK_STATUS(wait_for_message(ends[1], WEFT_NOW), WEFT_OK);
        CHECK_STATUS(send_number(ends[1], 3), WEFT_ECLOSED);
    }
    close_both();
}

static void test_close(void)
{
    weftos_received received;

    check_case("an end that was closed with messages unread has ended");
    contract_sockets(ends);
    CHECK_STATUS(send_number(ends[0], 1), WEFT_OK);
    CHECK_STATUS(send_number(ends[1], 2), WEFT_OK);
    weftos_close(ends[0]);
    CHECK(receives_number(ends[1], 1));
    CHECK_STATUS(receive(ends[1], &received), WEFT_ECLOSED);
    CHECK_STATUS(send_number(ends[1], 3), WEFT_ECLOSED);
    weftos_close(ends[1]);
}

struct plan {
    weft_handle end;
    peer_gate ready;
    peer_gate leave;
};

static void hold_end(void *context)
{
    const struct plan *plan = context;

    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->leave));
}

static void test_hang_up_for_all(void)
{
    struct plan plan;
    weftos_received received;
    peer_process child;

    check_case("a hang-up ends the connection for who holds the end too");
    contract_sockets(ends);
    peer_gate_init(&plan.ready);
    peer_gate_init(&plan.leave);
    plan.end = ends[0];
    peer_pass(plan.end);
    child = peer_run(hold_end, &plan, sizeof(plan));
    CHECK(peer_gate_pass(&plan.ready));
    weftos_socket_hang_up(ends[0]);
    CHECK_STATUS(receive(ends[1], &received), WEFT_ECLOSED);
    peer_gate_open(&plan.leave);
    CHECK(peer_ended_well(&child));
    peer_gate_deinit(&plan.ready);
    peer_gate_deinit(&plan.leave);
    close_both();
}

static void adopt_and_greet(void *context)
{
    const struct plan *plan = context;

    CHECK_STATUS(weftos_socket_adopt(plan->end, NULL), WEFT_OK);
    CHECK_STATUS(send_number(plan->end, 1), WEFT_OK);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->leave));
}

/* A child that has the other end, adopted, and has sent the number 1. */
static peer_process start_greeter(struct plan *plan)
{
    peer_process child;

    peer_gate_init(&plan->ready);
    peer_gate_init(&plan->leave);
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    plan->end = ends[1];
    peer_pass(plan->end);
    child = peer_run(adopt_and_greet, plan, sizeof(*plan));
    weftos_close(ends[1]);
    CHECK(peer_gate_pass(&plan->ready));
    return child;
}

static void end_greeter(struct plan *plan)
{
    peer_gate_deinit(&plan->ready);
    peer_gate_deinit(&plan->leave);
    weftos_close(ends[0]);
}

static weft_status wait_for_process(void *context, uint64_t deadline_ns)
{
    weft_handle process = *(const weft_handle *)context;
    weft_status status = WEFT_OK;

    for (unsigned i = 0; i < CONTRACT_EARLY_MOST && status == WEFT_OK; i++) {
        status = weftos_socket_wait(ends[0], false, process, deadline_ns, false,
                                    NULL);
    }
    return status;
}

static void test_sender(void)
{
    struct plan plan;
    weftos_received received;
    peer_process child;

    check_case("the kernel names the sender, and tells of his death");
    child = start_greeter(&plan);
    REQUIRE(receive(ends[0], &received) == WEFT_OK);
    if (received.has_sender) {
        CHECK(received.sender.who.pid == child.id);
        CHECK(received.sender.is_same_user);
    }
    if (received.process != WEFTOS_NONE) {
        contract_sleeper sleeper;

        CHECK(!peer_is_passed(received.process));
        contract_deadlines(wait_for_process, &received.process);
        contract_sleep(&sleeper, wait_for_process, &received.process,
                       peer_soon());
        peer_gate_open(&plan.leave);
        /* Its end hangs up as well: what is heard first is open. */
        CHECK(contract_woken(&sleeper) != WEFT_ETIMEDOUT);
    } else {
        peer_gate_open(&plan.leave);
    }
    close_received(&received);
    CHECK(peer_ended_well(&child));
    end_greeter(&plan);
}

static void test_death(void)
{
    struct plan plan;
    weftos_received received;
    peer_process child;

    check_case("a death is told, though others hold the end of the dead");
    contract_sockets(ends);
    plan.end = ends[1];
    peer_gate_init(&plan.ready);
    peer_gate_init(&plan.leave);
    peer_pass(plan.end);
    child = peer_run(adopt_and_greet, &plan, sizeof(plan));
    CHECK(peer_gate_pass(&plan.ready));
    REQUIRE(receive(ends[0], &received) == WEFT_OK);
    peer_kill(&child);
    if (received.process != WEFTOS_NONE) {
        CHECK_STATUS(wait_for_process(&received.process, peer_soon()),
                     WEFT_EPEERDIED);
        CHECK_STATUS(wait_for_process(&received.process, WEFT_NOW),
                     WEFT_EPEERDIED);
        /* What is there to be received comes first. */
        CHECK_STATUS(send_number(ends[1], 2), WEFT_OK);
        CHECK_STATUS(weftos_socket_wait(ends[0], false, received.process,
                                        peer_soon(), false, NULL),
                     WEFT_OK);
        CHECK(receives_number(ends[0], 2));
    }
    close_received(&received);
    end_greeter(&plan);
    weftos_close(ends[1]);
}

/* -------------------------------------------------------------- waiting --- */

static weft_status wait_while_empty(void *context, uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;
    weft_handle socket = *(const weft_handle *)context;
    weftos_received received;

    for (unsigned i = 0; i < CONTRACT_EARLY_MOST && status == WEFT_OK; i++) {
        status = wait_for_message(socket, deadline_ns);
        if (status == WEFT_OK) {
            weft_status found = weftos_socket_recv(socket, &received, NULL);

            if (found != WEFT_EAGAIN) {
                if (found == WEFT_OK) {
                    close_received(&received);
                }
                return found;
            }
        }
    }
    return status;
}

static void test_waits(void)
{
    contract_sleeper sleeper;

    check_case("a wait for a message ends with it, or at its deadline");
    contract_sockets(ends);
    contract_deadlines(wait_while_empty, &ends[1]);
    contract_sleep(&sleeper, wait_while_empty, &ends[1], WEFT_FOREVER);
    CHECK_STATUS(send_number(ends[0], 1), WEFT_OK);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
    contract_sleep(&sleeper, wait_while_empty, &ends[1], CONTRACT_FAR);
    CHECK_STATUS(send_number(ends[0], 2), WEFT_OK);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
    contract_sleep(&sleeper, wait_while_empty, &ends[1], WEFT_FOREVER);
    weftos_socket_hang_up(ends[0]);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_ECLOSED);
    close_both();
}

/* ---------------------------------------------------------------- adopt --- */

static void check_not_adopted(weft_handle handle)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = weftos_socket_adopt(handle, &detail);

    CHECK(status != WEFT_OK);
    CHECK(detail.status == status && detail.operation != NULL);
    CHECK(weftos_socket_adopt(handle, NULL) == status);
}

static void test_adopt(void)
{
    weft_handle mine;
    weft_handle theirs;
    weft_handle token = peer_token(5);

    check_case("what is no control socket is not adopted, and stays open");
    REQUIRE(weftos_bell_open(&mine, &theirs, NULL) == WEFT_OK);
    check_not_adopted(mine);
    check_not_adopted(theirs);
    check_not_adopted(token);
    check_not_adopted(WEFTOS_NONE);
    weftos_close(mine);
    weftos_close(theirs);
    CHECK(peer_token_is(token, 5));
}

static void test_passed(void)
{
    check_case("both ends are closed over exec, an adopted one again");
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    CHECK(!peer_is_passed(ends[0]) && !peer_is_passed(ends[1]));
    peer_pass(ends[1]);
    CHECK(peer_is_passed(ends[1]));
    CHECK_STATUS(weftos_socket_adopt(ends[1], NULL), WEFT_OK);
    CHECK(!peer_is_passed(ends[1]));
    close_both();
}

void test_main(void)
{
    test_sizes();
    test_empty();
    test_full();
    test_handles();
    test_lost_handles();
    test_hang_up();
    test_close();
    test_hang_up_for_all();
    test_sender();
    test_death();
    test_waits();
    test_adopt();
    test_passed();
}
