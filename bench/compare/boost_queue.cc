/* SPDX-License-Identifier: MIT
 *
 * Boost.Interprocess message_queue for C. An exception of the library in the
 * middle of a round ends the side, which ends the round.
 */
#include "boost_queue.h"

#include <cstdio>
#include <exception>

#include <boost/interprocess/ipc/message_queue.hpp>

namespace ipc = boost::interprocess;

struct boost_queue {
    ipc::message_queue queue;

    boost_queue(const char *name, size_t length, size_t message_bytes)
        : queue(ipc::create_only, name, length, message_bytes)
    {
    }
};

boost_queue *boost_queue_new(const char *name, size_t length,
                             size_t message_bytes, char *error, size_t room)
{
    try {
        boost_queue *queue = new boost_queue(name, length, message_bytes);

        ipc::message_queue::remove(name);
        return queue;
    } catch (const std::exception &exception) {
        ipc::message_queue::remove(name);
        std::snprintf(error, room, "cannot make a queue: %s", exception.what());
        return nullptr;
    }
}

void boost_queue_free(boost_queue *queue)
{
    delete queue;
}

bool boost_queue_send(boost_queue *queue, const void *data, size_t bytes,
                      bool block)
{
    if (block) {
        queue->queue.send(data, bytes, 0);
        return true;
    }
    return queue->queue.try_send(data, bytes, 0);
}

bool boost_queue_receive(boost_queue *queue, void *data, size_t room,
                         size_t *bytes, bool block)
{
    ipc::message_queue::size_type received = 0;
    unsigned priority;
    bool done = true;

    if (block) {
        queue->queue.receive(data, room, received, priority);
    } else {
        done = queue->queue.try_receive(data, room, received, priority);
    }
    *bytes = received;
    return done;
}
