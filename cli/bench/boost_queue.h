/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * boost_queue.h - as much of Boost.Interprocess's message_queue as boost.c drives, for C
 *
 * A queue has no name any more when it has been made. Results: 0 or a count, or -1 with what Boost
 * says about it in boost_queue_error.
 */
#ifndef SLUICE_CLI_BENCH_BOOST_QUEUE_H
#define SLUICE_CLI_BENCH_BOOST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

extern char boost_queue_error[128];

void *boost_queue_make(const char *name, size_t messages, size_t message_size);
void boost_queue_drop(void *queue);

/* With @look they do not sleep: false when there is no room, or nothing. */
int boost_queue_send(void *queue, const void *data, size_t size, bool look);
int boost_queue_receive(void *queue, void *buffer, size_t size, bool look);

#ifdef __cplusplus
}
#endif

#endif
