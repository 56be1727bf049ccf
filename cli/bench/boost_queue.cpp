/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* boost_queue.cpp - Boost.Interprocess's message_queue for C: no exception leaves this file */
#include "boost_queue.h"

#include <boost/interprocess/ipc/message_queue.hpp>

#include <cstdio>
#include <exception>

using boost::interprocess::message_queue;

char boost_queue_error[128];

static int failed(const std::exception &error)
{
	std::snprintf(boost_queue_error, sizeof(boost_queue_error), "%s", error.what());
	return -1;
}

void *boost_queue_make(const char *name, size_t messages, size_t message_size)
{
	try {
		message_queue *queue = new message_queue(boost::interprocess::create_only, name,
							 messages, message_size);

		message_queue::remove(name);
		return queue;
	} catch (const std::exception &error) {
		failed(error);
		return nullptr;
	}
}

void boost_queue_drop(void *queue)
{
	delete static_cast<message_queue *>(queue);
}

int boost_queue_send(void *queue, const void *data, size_t size, bool look)
{
	message_queue *to = static_cast<message_queue *>(queue);

	try {
		if (look)
			return to->try_send(data, size, 0);
		to->send(data, size, 0);
		return 1;
	} catch (const std::exception &error) {
		return failed(error);
	}
}

int boost_queue_receive(void *queue, void *buffer, size_t size, bool look)
{
	message_queue *from = static_cast<message_queue *>(queue);
	message_queue::size_type length;
	unsigned priority;

	try {
		if (look)
			return from->try_receive(buffer, size, length, priority);
		from->receive(buffer, size, length, priority);
		return 1;
	} catch (const std::exception &error) {
		return failed(error);
	}
}
