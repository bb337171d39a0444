/* SPDX-License-Identifier: MIT
 *
 * Control messages on Windows that say what is not so: of themselves, of their
 * sender, and of handles that they have put into our table.
 */
#include "wire_windows.h"

#include <string.h>

#include "peer.h"

#define WHOLE_WITH_HANDLES (WEFTI_FIRST | WEFTI_LAST | WEFTI_HANDLES)

/* A handle's value that nobody has. */
#define NO_VALUE UINT64_C(0x7ffffff0)

/* ----------------------------------------------------------------- lies --- */

/* A rider before it is written. */
struct message {
    struct weftos_header header;
    struct wefti_rider rider;
    size_t length; /* of the two */
};

struct lie {
    const char *name;
    void (*spoil)(struct message *message);
};

static void other_magic(struct message *message)
{
    message->header.magic ^= 1;
}

static void unknown_kind(struct message *message)
{
    message->header.kind = WEFTOS_KIND_END + 1;
}

static void kind_0(struct message *message)
{
    message->header.kind = 0;
}

static void more_bytes(struct message *message)
{
    message->header.bytes++;
}

static void fewer_bytes(struct message *message)
{
    message->header.bytes--;
}

static void endless_bytes(struct message *message)
{
    message->header.bytes = UINT32_MAX;
}

static void half_a_header(struct message *message)
{
    message->length = sizeof(message->header) / 2;
}

static void other_process(struct message *message)
{
    message->header.pid += 4; /* less would be the same process */
}

static void no_process(struct message *message)
{
    message->header.pid = 0;
}

static void too_many(struct message *message)
{
    message->header.parcel.count = WEFTOS_SOCKET_HANDLES + 1;
}

static void endlessly_many(struct message *message)
{
    message->header.parcel.count = UINT32_MAX;
}

static void of_no_kind(struct message *message)
{
    message->header.parcel.kind = 0;
}

static void of_unknown_kind(struct message *message)
{
    message->header.parcel.kind = WEFTOS_PARCEL_HELD + 1;
}

static void not_there(struct message *message)
{
    message->header.parcel.values[0] = NO_VALUE;
}

static void no_value(struct message *message)
{
    message->header.parcel.values[0] = 0;
}

static void this_process(struct message *message)
{
    message->header.parcel.values[0] = (uint64_t)(uintptr_t)GetCurrentProcess();
}

static void beyond_32_bits(struct message *message)
{
    message->header.parcel.values[0] = UINT64_C(1) << 40;
}

static void held_not_there(struct message *message)
{
    message->header.parcel.kind = WEFTOS_PARCEL_HELD;
    message->header.parcel.values[0] = NO_VALUE;
}

static void lent_not_there(struct message *message)
{
    message->header.parcel.kind = WEFTOS_PARCEL_LENT;
    message->header.parcel.values[0] = NO_VALUE;
}

static void held_this_process(struct message *message)
{
    message->header.parcel.kind = WEFTOS_PARCEL_HELD;
    message->header.parcel.values[0] = (uint64_t)(uintptr_t)GetCurrentProcess();
}

static void without_handles(struct message *message)
{
    memset(&message->header.parcel, 0, sizeof(message->header.parcel));
}

static const struct lie lies[] = {
    {"another magic", other_magic},
    {"kind 0", kind_0},
    {"an unknown kind", unknown_kind},
    {"a byte more than there is", more_bytes},
    {"a byte less than there is", fewer_bytes},
    {"2^32 bytes", endless_bytes},
    {"half a header", half_a_header},
    {"another process", other_process},
    {"process 0", no_process},
    {"too many handles", too_many},
    {"2^32 handles", endlessly_many},
    {"handles of no kind", of_no_kind},
    {"handles of an unknown kind", of_unknown_kind},
    {"a handle that is not there", not_there},
    {"handle 0", no_value},
    {"the handle that means this process", this_process},
    {"a handle beyond 32 bits", beyond_32_bits},
    {"a handle that the sender has not", held_not_there},
    {"a handle that the sender does not lend", lent_not_there},
    {"the sender's own process", held_this_process},
    {"no handles where one is due", without_handles},
};

/* An honest rider with one handle, whose value is `value`, made worse. */
static void make_message(struct message *message,
                         const struct attacker *attacker, uint64_t value,
                         const struct lie *lie)
{
    memset(message, 0, sizeof(*message));
    weftos_header_fill(&message->header, (HANDLE)attacker->socket,
                       WEFTOS_KIND_MESSAGE, sizeof(message->rider));
    message->header.parcel.kind = WEFTOS_PARCEL_PUSHED;
    message->header.parcel.count = 1;
    message->header.parcel.values[0] = value;
    message->rider = (struct wefti_rider){WEFTI_MAGIC, WEFTI_DATA, 0};
    message->length = sizeof(message->header) + sizeof(message->rider);
    if (lie != NULL) {
        lie->spoil(message);
    }
}

static weft_status receive_message(const struct lie *lie, weft_handle token)
{
    struct attacker attacker;
    struct message message;
    weft_channel *victim;
    weft_status status;

    attacker_meet(&attacker, NULL, &victim);
    make_message(&message, &attacker, (uint64_t)token, lie);
    CHECK(attacker_write(attacker.socket, &message, message.length));
    attacker_forge(&attacker,
                   forged_word(20, WEFTI_DATA, WHOLE_WITH_HANDLES, 1), "abcd",
                   4);
    status = victim_receive(victim);
    if (status != WEFT_OK) {
        victim_stays_failed(victim, status);
    }
    attacker_part(&attacker, &victim);
    return status;
}

static void refuses_lie(const void *argument)
{
    weft_handle token = peer_token(1);
    weft_status status = receive_message(argument, token);

    CHECK(status == WEFT_ECORRUPT || status == WEFT_EPROTO);
    CHECK(peer_token_is(token, 1)); /* what was only said is not closed */
}

static void accepts_truth(const void *argument)
{
    (void)argument;
    /* The victim has it then, and closes it. */
    CHECK_STATUS(receive_message(NULL, peer_token(1)), WEFT_OK);
}

/* --------------------------------------------------------------- floods --- */

static void write_kind(weft_handle socket, enum weftos_kind kind, unsigned most,
                       unsigned *written)
{
    struct weftos_message message;

    memset(&message, 0, sizeof(message));
    weftos_header_fill(&message.header, (HANDLE)socket, kind, 0);
    for (*written = 0; *written < most &&
                       attacker_write(socket, &message, sizeof(message.header));
         ++*written) {
    }
}

/* Messages that mean nothing, as many as the pipe takes. */
static void bears_fillers(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;
    unsigned written;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    write_kind(attacker.socket, WEFTOS_KIND_FILLER, 100000, &written);
    CHECK(written > 0);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    attacker_forge(&attacker, forged_word(20, WEFTI_DATA, 3, 0), "abcd", 4);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    attacker_forge(&attacker,
                   forged_word(20, WEFTI_DATA, WHOLE_WITH_HANDLES, 1), "abcd",
                   4);
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

/* Hangs up, and stays. */
static void bears_early_end(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;
    unsigned written;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    write_kind(attacker.socket, WEFTOS_KIND_END, 1, &written);
    CHECK(written == 1);
    CHECK_STATUS(victim_receive(victim), WEFT_EPEERDIED);
    CHECK_STATUS(victim_send_handles(victim, attacker.offer.home),
                 WEFT_EPEERDIED);
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    hostile_case("a message that says what is so is received", accepts_truth,
                 NULL);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        hostile_case(hostile_name(lies[i].name, "refused"), refuses_lie,
                     &lies[i]);
    }
    hostile_case("a flood of fillers does no harm", bears_fillers, NULL);
    hostile_case("who says the end and stays is a dead peer", bears_early_end,
                 NULL);
}
