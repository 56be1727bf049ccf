/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * structs.c - what compiled programs have built in: sizes, offsets, numbers
 *
 * The first number is for 64-bit pointers, the second for 32-bit ones (i386). A line that fails to
 * compile is a broken ABI: fields are appended, never moved, and options structs have no holes.
 * Growing a struct changes its SIZE line and adds AT lines, nothing else.
 */
#include <sluice.h>

#define HERE(on_64, on_32) (sizeof(void *) == 8 ? (on_64) : (on_32))
#define SIZE(type, on_64, on_32)                                                                   \
	_Static_assert(sizeof(struct type) == HERE(on_64, on_32), #type " has another size")
#define AT(type, field, on_64, on_32)                                                              \
	_Static_assert(offsetof(struct type, field) == HERE(on_64, on_32),                         \
		       #type "." #field " moved")
#define VALUE(name, number) _Static_assert((name) == (number), #name " has another value")

SIZE(sluice_queue_options, 96, 92);
AT(sluice_queue_options, size, 0, 0);
AT(sluice_queue_options, flags, 4, 4);
AT(sluice_queue_options, role, 8, 8);
AT(sluice_queue_options, mode, 12, 12);
AT(sluice_queue_options, participants, 16, 16);
AT(sluice_queue_options, group, 20, 20);
AT(sluice_queue_options, tag, 24, 24);
AT(sluice_queue_options, open_timeout_ns, 32, 32);
AT(sluice_queue_options, spin_ns, 40, 40);
AT(sluice_queue_options, slice_ns, 48, 48);
AT(sluice_queue_options, diagnostic, 56, 56);
AT(sluice_queue_options, diagnostic_size, 64, 60);
AT(sluice_queue_options, reserved, 68, 64);
AT(sluice_queue_options, capacity, 72, 68);
AT(sluice_queue_options, message_max, 80, 76);
AT(sluice_queue_options, messages_max, 88, 84);

SIZE(sluice_message, 40, 40);
AT(sluice_message, size, 0, 0);
AT(sluice_message, flags, 4, 4);
AT(sluice_message, type, 8, 8);
AT(sluice_message, length, 16, 16);
AT(sluice_message, sequence, 24, 24);
AT(sluice_message, sender, 32, 32);
AT(sluice_message, reserved, 36, 36);

SIZE(sluice_send_item, 24, 16);
AT(sluice_send_item, type, 0, 0);
AT(sluice_send_item, data, 8, 8);
AT(sluice_send_item, size, 16, 12);

SIZE(sluice_receive_item, 32, 20);
AT(sluice_receive_item, buffer, 0, 0);
AT(sluice_receive_item, capacity, 8, 4);
AT(sluice_receive_item, length, 16, 8);
AT(sluice_receive_item, type, 24, 12);

SIZE(sluice_queue_info, 112, 112);
AT(sluice_queue_info, size, 0, 0);
AT(sluice_queue_info, participants, 4, 4);
AT(sluice_queue_info, attached, 8, 8);
AT(sluice_queue_info, senders, 12, 12);
AT(sluice_queue_info, receivers, 16, 16);
AT(sluice_queue_info, waiting, 20, 20);
AT(sluice_queue_info, capacity, 24, 24);
AT(sluice_queue_info, message_max, 32, 32);
AT(sluice_queue_info, messages_max, 40, 40);
AT(sluice_queue_info, messages, 48, 48);
AT(sluice_queue_info, reserved_messages, 56, 56);
AT(sluice_queue_info, borrowed, 64, 64);
AT(sluice_queue_info, bytes_used, 72, 72);
AT(sluice_queue_info, sent, 80, 80);
AT(sluice_queue_info, received, 88, 88);
AT(sluice_queue_info, repairs, 96, 96);
AT(sluice_queue_info, tag, 104, 104);

SIZE(sluice_mutex_options, 72, 68);
AT(sluice_mutex_options, size, 0, 0);
AT(sluice_mutex_options, flags, 4, 4);
AT(sluice_mutex_options, role, 8, 8);
AT(sluice_mutex_options, mode, 12, 12);
AT(sluice_mutex_options, participants, 16, 16);
AT(sluice_mutex_options, group, 20, 20);
AT(sluice_mutex_options, tag, 24, 24);
AT(sluice_mutex_options, open_timeout_ns, 32, 32);
AT(sluice_mutex_options, spin_ns, 40, 40);
AT(sluice_mutex_options, slice_ns, 48, 48);
AT(sluice_mutex_options, diagnostic, 56, 56);
AT(sluice_mutex_options, diagnostic_size, 64, 60);
AT(sluice_mutex_options, reserved, 68, 64);

SIZE(sluice_mutex_info, 40, 40);
AT(sluice_mutex_info, size, 0, 0);
AT(sluice_mutex_info, participants, 4, 4);
AT(sluice_mutex_info, attached, 8, 8);
AT(sluice_mutex_info, waiting, 12, 12);
AT(sluice_mutex_info, locked, 16, 16);
AT(sluice_mutex_info, owner, 20, 20);
AT(sluice_mutex_info, repairs, 24, 24);
AT(sluice_mutex_info, tag, 32, 32);

SIZE(sluice_semaphore_options, 80, 76);
AT(sluice_semaphore_options, size, 0, 0);
AT(sluice_semaphore_options, flags, 4, 4);
AT(sluice_semaphore_options, role, 8, 8);
AT(sluice_semaphore_options, mode, 12, 12);
AT(sluice_semaphore_options, participants, 16, 16);
AT(sluice_semaphore_options, group, 20, 20);
AT(sluice_semaphore_options, tag, 24, 24);
AT(sluice_semaphore_options, open_timeout_ns, 32, 32);
AT(sluice_semaphore_options, spin_ns, 40, 40);
AT(sluice_semaphore_options, slice_ns, 48, 48);
AT(sluice_semaphore_options, diagnostic, 56, 56);
AT(sluice_semaphore_options, diagnostic_size, 64, 60);
AT(sluice_semaphore_options, reserved, 68, 64);
AT(sluice_semaphore_options, initial, 72, 68);
AT(sluice_semaphore_options, ceiling, 76, 72);

SIZE(sluice_semaphore_info, 56, 56);
AT(sluice_semaphore_info, size, 0, 0);
AT(sluice_semaphore_info, participants, 4, 4);
AT(sluice_semaphore_info, attached, 8, 8);
AT(sluice_semaphore_info, waiting, 12, 12);
AT(sluice_semaphore_info, value, 16, 16);
AT(sluice_semaphore_info, held, 20, 20);
AT(sluice_semaphore_info, holders, 24, 24);
AT(sluice_semaphore_info, initial, 28, 28);
AT(sluice_semaphore_info, ceiling, 32, 32);
AT(sluice_semaphore_info, reserved, 36, 36);
AT(sluice_semaphore_info, repairs, 40, 40);
AT(sluice_semaphore_info, tag, 48, 48);

SIZE(sluice_condition_options, 72, 68);
SIZE(sluice_file_lock_options, 72, 68);
SIZE(sluice_file_lock_holder, 32, 32);
SIZE(sluice_condition_info, 32, 32);
AT(sluice_condition_info, waiting, 12, 12);
AT(sluice_condition_info, repairs, 16, 16);
AT(sluice_condition_info, tag, 24, 24);
SIZE(sluice_stream_options, 120, 108);
AT(sluice_stream_options, size, 0, 0);
AT(sluice_stream_options, flags, 4, 4);
AT(sluice_stream_options, role, 8, 8);
AT(sluice_stream_options, mode, 12, 12);
AT(sluice_stream_options, participants, 16, 16);
AT(sluice_stream_options, group, 20, 20);
AT(sluice_stream_options, tag, 24, 24);
AT(sluice_stream_options, open_timeout_ns, 32, 32);
AT(sluice_stream_options, spin_ns, 40, 40);
AT(sluice_stream_options, slice_ns, 48, 48);
AT(sluice_stream_options, diagnostic, 56, 56);
AT(sluice_stream_options, diagnostic_size, 64, 60);
AT(sluice_stream_options, reserved, 68, 64);
AT(sluice_stream_options, capacity, 72, 68);
AT(sluice_stream_options, atomic, 80, 76);
AT(sluice_stream_options, peer_timeout_ns, 88, 84);
AT(sluice_stream_options, allowed_uids, 96, 92);
AT(sluice_stream_options, allowed_gids, 104, 96);
AT(sluice_stream_options, allowed_uids_count, 112, 100);
AT(sluice_stream_options, allowed_gids_count, 116, 104);

SIZE(sluice_stream_info, 96, 96);
AT(sluice_stream_info, size, 0, 0);
AT(sluice_stream_info, participants, 4, 4);
AT(sluice_stream_info, attached, 8, 8);
AT(sluice_stream_info, writers, 12, 12);
AT(sluice_stream_info, readers, 16, 16);
AT(sluice_stream_info, waiting, 20, 20);
AT(sluice_stream_info, writing, 24, 24);
AT(sluice_stream_info, reading, 28, 28);
AT(sluice_stream_info, capacity, 32, 32);
AT(sluice_stream_info, atomic, 40, 40);
AT(sluice_stream_info, readable, 48, 48);
AT(sluice_stream_info, unread, 56, 56);
AT(sluice_stream_info, written, 64, 64);
AT(sluice_stream_info, read, 72, 72);
AT(sluice_stream_info, repairs, 80, 80);
AT(sluice_stream_info, tag, 88, 88);

SIZE(sluice_peer, 280, 280);
AT(sluice_peer, size, 0, 0);
AT(sluice_peer, flags, 4, 4);
AT(sluice_peer, pid, 8, 8);
AT(sluice_peer, uid, 12, 12);
AT(sluice_peer, gid, 16, 16);
AT(sluice_peer, reserved, 20, 20);
AT(sluice_peer, address, 24, 24);

SIZE(sluice_fds, 24, 20);
AT(sluice_fds, fds, 0, 0);
AT(sluice_fds, capacity, 8, 4);
AT(sluice_fds, count, 12, 8);
AT(sluice_fds, lost, 16, 12);
AT(sluice_fds, reserved, 20, 16);

SIZE(sluice_listener_options, 120, 108);
AT(sluice_listener_options, size, 0, 0);
AT(sluice_listener_options, flags, 4, 4);
AT(sluice_listener_options, role, 8, 8);
AT(sluice_listener_options, mode, 12, 12);
AT(sluice_listener_options, participants, 16, 16);
AT(sluice_listener_options, group, 20, 20);
AT(sluice_listener_options, tag, 24, 24);
AT(sluice_listener_options, open_timeout_ns, 32, 32);
AT(sluice_listener_options, spin_ns, 40, 40);
AT(sluice_listener_options, slice_ns, 48, 48);
AT(sluice_listener_options, diagnostic, 56, 56);
AT(sluice_listener_options, diagnostic_size, 64, 60);
AT(sluice_listener_options, reserved, 68, 64);
AT(sluice_listener_options, capacity, 72, 68);
AT(sluice_listener_options, peer_timeout_ns, 80, 76);
AT(sluice_listener_options, allowed_uids, 88, 84);
AT(sluice_listener_options, allowed_gids, 96, 88);
AT(sluice_listener_options, allowed_uids_count, 104, 92);
AT(sluice_listener_options, allowed_gids_count, 108, 96);
AT(sluice_listener_options, backlog, 112, 100);
AT(sluice_listener_options, reserved_2, 116, 104);

SIZE(sluice_listener_info, 272, 272);
AT(sluice_listener_info, size, 0, 0);
AT(sluice_listener_info, refused, 4, 4);
AT(sluice_listener_info, accepted, 8, 8);
AT(sluice_listener_info, address, 16, 16);

SIZE(sluice_address, 136, 136);
AT(sluice_address, length, 0, 0);
AT(sluice_address, reserved, 4, 4);
AT(sluice_address, bytes, 8, 8);

SIZE(sluice_datagram_options, 120, 104);
AT(sluice_datagram_options, size, 0, 0);
AT(sluice_datagram_options, flags, 4, 4);
AT(sluice_datagram_options, role, 8, 8);
AT(sluice_datagram_options, mode, 12, 12);
AT(sluice_datagram_options, participants, 16, 16);
AT(sluice_datagram_options, group, 20, 20);
AT(sluice_datagram_options, tag, 24, 24);
AT(sluice_datagram_options, open_timeout_ns, 32, 32);
AT(sluice_datagram_options, spin_ns, 40, 40);
AT(sluice_datagram_options, slice_ns, 48, 48);
AT(sluice_datagram_options, diagnostic, 56, 56);
AT(sluice_datagram_options, diagnostic_size, 64, 60);
AT(sluice_datagram_options, reserved, 68, 64);
AT(sluice_datagram_options, capacity, 72, 68);
AT(sluice_datagram_options, peer, 80, 76);
AT(sluice_datagram_options, interface, 88, 80);
AT(sluice_datagram_options, reserved_2, 92, 84);
AT(sluice_datagram_options, allowed_uids, 96, 88);
AT(sluice_datagram_options, allowed_gids, 104, 92);
AT(sluice_datagram_options, allowed_uids_count, 112, 96);
AT(sluice_datagram_options, allowed_gids_count, 116, 100);

SIZE(sluice_datagram_item, 160, 148);
AT(sluice_datagram_item, data, 0, 0);
AT(sluice_datagram_item, capacity, 8, 4);
AT(sluice_datagram_item, length, 16, 8);
AT(sluice_datagram_item, address, 24, 12);

SIZE(sluice_datagram_info, 544, 544);
AT(sluice_datagram_info, size, 0, 0);
AT(sluice_datagram_info, dropped, 4, 4);
AT(sluice_datagram_info, sent, 8, 8);
AT(sluice_datagram_info, received, 16, 16);
AT(sluice_datagram_info, address, 24, 24);
AT(sluice_datagram_info, peer, 280, 280);
AT(sluice_datagram_info, refused, 536, 536);

SIZE(sluice_topic_options, 128, 124);
AT(sluice_topic_options, size, 0, 0);
AT(sluice_topic_options, flags, 4, 4);
AT(sluice_topic_options, role, 8, 8);
AT(sluice_topic_options, mode, 12, 12);
AT(sluice_topic_options, participants, 16, 16);
AT(sluice_topic_options, group, 20, 20);
AT(sluice_topic_options, tag, 24, 24);
AT(sluice_topic_options, open_timeout_ns, 32, 32);
AT(sluice_topic_options, spin_ns, 40, 40);
AT(sluice_topic_options, slice_ns, 48, 48);
AT(sluice_topic_options, diagnostic, 56, 56);
AT(sluice_topic_options, diagnostic_size, 64, 60);
AT(sluice_topic_options, reserved, 68, 64);
AT(sluice_topic_options, depth, 72, 68);
AT(sluice_topic_options, message_max, 80, 76);
AT(sluice_topic_options, capacity, 88, 84);
AT(sluice_topic_options, subscribers, 96, 92);
AT(sluice_topic_options, publishers, 100, 96);
AT(sluice_topic_options, loans, 104, 100);
AT(sluice_topic_options, borrows, 108, 104);
AT(sluice_topic_options, policy, 112, 108);
AT(sluice_topic_options, history, 116, 112);
AT(sluice_topic_options, evict_after_ns, 120, 116);

SIZE(sluice_topic_message, 32, 32);
AT(sluice_topic_message, size, 0, 0);
AT(sluice_topic_message, sender, 4, 4);
AT(sluice_topic_message, length, 8, 8);
AT(sluice_topic_message, sequence, 16, 16);
AT(sluice_topic_message, lost, 24, 24);

SIZE(sluice_topic_info, 104, 104);
AT(sluice_topic_info, size, 0, 0);
AT(sluice_topic_info, subscribers, 4, 4);
AT(sluice_topic_info, publishers, 8, 8);
AT(sluice_topic_info, subscribers_max, 12, 12);
AT(sluice_topic_info, publishers_max, 16, 16);
AT(sluice_topic_info, waiting, 20, 20);
AT(sluice_topic_info, loans, 24, 24);
AT(sluice_topic_info, borrows, 28, 28);
AT(sluice_topic_info, policy, 32, 32);
AT(sluice_topic_info, reserved_messages, 36, 36);
AT(sluice_topic_info, borrowed, 40, 40);
AT(sluice_topic_info, evicted, 44, 44);
AT(sluice_topic_info, depth, 48, 48);
AT(sluice_topic_info, message_max, 56, 56);
AT(sluice_topic_info, chunks, 64, 64);
AT(sluice_topic_info, bytes, 72, 72);
AT(sluice_topic_info, published, 80, 80);
AT(sluice_topic_info, repairs, 88, 88);
AT(sluice_topic_info, tag, 96, 96);

VALUE(SLUICE_ENOPUBLISHER, -5007);
VALUE(SLUICE_EEVICTED, -5008);
VALUE(SLUICE_KIND_TOPIC, 8);
VALUE(SLUICE_EXPECT_PUBLISHER, 0x10u);
VALUE(SLUICE_OVERWRITE, 1);
VALUE(SLUICE_WAIT, 2);
VALUE(SLUICE_LATEST, 3);

SIZE(sluice_participant, 80, 80);
AT(sluice_participant, size, 0, 0);
AT(sluice_participant, place, 4, 4);
AT(sluice_participant, alive, 8, 8);
AT(sluice_participant, role, 12, 12);
AT(sluice_participant, pid, 16, 16);
AT(sluice_participant, doing, 20, 20);
AT(sluice_participant, command, 24, 24);
AT(sluice_participant, reserved_messages, 40, 40);
AT(sluice_participant, borrowed, 44, 44);
AT(sluice_participant, position, 48, 48);
AT(sluice_participant, lag, 56, 56);
AT(sluice_participant, lost, 64, 64);
AT(sluice_participant, policy, 72, 72);
AT(sluice_participant, evicted, 76, 76);

SIZE(sluice_memory_options, 112, 108);
AT(sluice_memory_options, diagnostic, 56, 56);
AT(sluice_memory_options, reserved, 68, 64);
AT(sluice_memory_options, bytes, 72, 68);
AT(sluice_memory_options, maximum, 80, 76);
AT(sluice_memory_options, mutexes, 88, 84);
AT(sluice_memory_options, conditions, 92, 88);
AT(sluice_memory_options, semaphores, 96, 92);
AT(sluice_memory_options, initial, 100, 96);
AT(sluice_memory_options, ceiling, 104, 100);
AT(sluice_memory_options, rwlocks, 108, 104);

SIZE(sluice_memory_file_options, 96, 92);
AT(sluice_memory_file_options, reserved, 68, 64);
AT(sluice_memory_file_options, offset, 72, 68);
AT(sluice_memory_file_options, length, 80, 76);
AT(sluice_memory_file_options, maximum, 88, 84);

SIZE(sluice_memory_info, 96, 96);
AT(sluice_memory_info, participants, 4, 4);
AT(sluice_memory_info, attached, 8, 8);
AT(sluice_memory_info, waiting, 12, 12);
AT(sluice_memory_info, mutexes, 16, 16);
AT(sluice_memory_info, locked, 20, 20);
AT(sluice_memory_info, owner_died, 24, 24);
AT(sluice_memory_info, bytes, 32, 32);
AT(sluice_memory_info, maximum, 40, 40);
AT(sluice_memory_info, root, 48, 48);
AT(sluice_memory_info, repairs, 56, 56);
AT(sluice_memory_info, conditions, 28, 28);
AT(sluice_memory_info, tag, 64, 64);
AT(sluice_memory_info, semaphores, 72, 72);
AT(sluice_memory_info, held, 76, 76);
AT(sluice_memory_info, huge, 80, 80);
AT(sluice_memory_info, rwlocks, 88, 88);
AT(sluice_memory_info, rwlocked, 92, 92);

SIZE(sluice_inspection, 944, 944);
AT(sluice_inspection, size, 0, 0);
AT(sluice_inspection, kind, 4, 4);
AT(sluice_inspection, state, 8, 8);
AT(sluice_inspection, flags, 12, 12);
AT(sluice_inspection, mode, 16, 16);
AT(sluice_inspection, uid, 20, 20);
AT(sluice_inspection, gid, 24, 24);
AT(sluice_inspection, attached, 28, 28);
AT(sluice_inspection, dead, 32, 32);
AT(sluice_inspection, stale, 36, 36);
AT(sluice_inspection, bytes, 40, 40);
AT(sluice_inspection, tag, 48, 48);
AT(sluice_inspection, queue, 56, 56);
AT(sluice_inspection, mutex, 168, 168);
AT(sluice_inspection, name, 208, 208);
AT(sluice_inspection, semaphore, 464, 464);
AT(sluice_inspection, condition, 520, 520);
AT(sluice_inspection, stream, 552, 552);
AT(sluice_inspection, memory, 648, 648);
AT(sluice_inspection, topic, 744, 744);
AT(sluice_inspection, rwlock, 848, 848);
AT(sluice_inspection, barrier, 896, 896);

SIZE(sluice_barrier_options, 80, 76);
AT(sluice_barrier_options, reserved, 68, 64);
AT(sluice_barrier_options, parties, 72, 68);
AT(sluice_barrier_options, reserved2, 76, 72);

SIZE(sluice_barrier_info, 48, 48);
AT(sluice_barrier_info, waiting, 12, 12);
AT(sluice_barrier_info, parties, 16, 16);
AT(sluice_barrier_info, arrived, 20, 20);
AT(sluice_barrier_info, broken, 24, 24);
AT(sluice_barrier_info, rounds, 28, 28);
AT(sluice_barrier_info, repairs, 32, 32);
AT(sluice_barrier_info, tag, 40, 40);

SIZE(sluice_rwlock_options, 72, 68);
AT(sluice_rwlock_options, diagnostic, 56, 56);
AT(sluice_rwlock_options, diagnostic_size, 64, 60);
AT(sluice_rwlock_options, reserved, 68, 64);

SIZE(sluice_rwlock_info, 48, 48);
AT(sluice_rwlock_info, size, 0, 0);
AT(sluice_rwlock_info, participants, 4, 4);
AT(sluice_rwlock_info, attached, 8, 8);
AT(sluice_rwlock_info, waiting, 12, 12);
AT(sluice_rwlock_info, locked, 16, 16);
AT(sluice_rwlock_info, readers, 20, 20);
AT(sluice_rwlock_info, owner, 24, 24);
AT(sluice_rwlock_info, owner_died, 28, 28);
AT(sluice_rwlock_info, repairs, 32, 32);
AT(sluice_rwlock_info, tag, 40, 40);

VALUE(SLUICE_MUST_CREATE, 0x01u);
VALUE(SLUICE_MUST_EXIST, 0x02u);
VALUE(SLUICE_PRIVATE, 0x04u);
VALUE(SLUICE_EPHEMERAL, 0x08u);
VALUE(SLUICE_EXPECT_SENDER, 0x10u);
VALUE(SLUICE_PERSIST, 0x20u);
VALUE(SLUICE_SECOND_END, 0x40u);
VALUE(SLUICE_HUGE_PAGES, 0x800u);
VALUE(SLUICE_SEND, 0x1u);
VALUE(SLUICE_RECEIVE, 0x2u);
VALUE(SLUICE_WRITE, 0x1u);
VALUE(SLUICE_READ, 0x2u);
VALUE(SLUICE_READABLE, 0x1u);
VALUE(SLUICE_WRITABLE, 0x2u);
VALUE(SLUICE_NAME_MAX, 200);
VALUE(SLUICE_PARTICIPANTS_MAX, 1024);
VALUE(SLUICE_LOANS_MAX, 64);
VALUE(SLUICE_REDELIVERED, 0x1u);
VALUE(SLUICE_DOING_NOTHING, 0u);
VALUE(SLUICE_DOING_WAIT_LOCK, 1u);
VALUE(SLUICE_DOING_WAIT_MESSAGE, 2u);
VALUE(SLUICE_DOING_WAIT_ROOM, 3u);
VALUE(SLUICE_DOING_HOLD, 4u);
VALUE(SLUICE_DOING_WAIT_UNITS, 6u);
VALUE(SLUICE_DOING_WAIT_SIGNAL, 7u);
VALUE(SLUICE_DOING_WAIT_BYTES, 5u);
VALUE(SLUICE_CLEAN_DRY_RUN, 0x1u);
VALUE(SLUICE_CLEAN_CONTENT, 0x2u);
VALUE(SLUICE_KIND_NONE, 0);
VALUE(SLUICE_KIND_QUEUE, 1);
VALUE(SLUICE_KIND_MUTEX, 2);
VALUE(SLUICE_KIND_SEMAPHORE, 4);
VALUE(SLUICE_KIND_CONDITION, 5);
VALUE(SLUICE_KIND_RWLOCK, 6);
VALUE(SLUICE_KIND_BARRIER, 7);
VALUE(SLUICE_KIND_STREAM, 3);
VALUE(SLUICE_KEPT_IN_USE, 0);
VALUE(SLUICE_KEPT_CONTENT, 1);
VALUE(SLUICE_KEPT_FOREIGN, 2);
VALUE(SLUICE_REMOVED_UNUSED, 3);
VALUE(SLUICE_REMOVED_DAMAGED, 4);
VALUE(SLUICE_REMOVED_STALE, 5);
VALUE(SLUICE_REMOVED_DEBRIS, 6);
VALUE(SLUICE_RECOVERED, 1);
VALUE(SLUICE_LAST, 2);
VALUE(SLUICE_EPEERDIED, -5005);
VALUE(SLUICE_EPERM, -1);
VALUE(SLUICE_ENOENT, -2);
VALUE(SLUICE_EINTR, -4);
VALUE(SLUICE_EBADF, -9);
VALUE(SLUICE_EAGAIN, -11);
VALUE(SLUICE_ENOMEM, -12);
VALUE(SLUICE_EACCES, -13);
VALUE(SLUICE_EBUSY, -16);
VALUE(SLUICE_EEXIST, -17);
VALUE(SLUICE_ENOTDIR, -20);
VALUE(SLUICE_EINVAL, -22);
VALUE(SLUICE_EMFILE, -24);
VALUE(SLUICE_ENFILE, -23);
VALUE(SLUICE_ENOSPC, -28);
VALUE(SLUICE_EROFS, -30);
VALUE(SLUICE_EPIPE, -32);
VALUE(SLUICE_EDEADLK, -35);
VALUE(SLUICE_ENAMETOOLONG, -36);
VALUE(SLUICE_ENOSYS, -38);
VALUE(SLUICE_E2BIG, -7);
VALUE(SLUICE_EMSGSIZE, -90);
VALUE(SLUICE_EOPNOTSUPP, -95);
VALUE(SLUICE_ETIMEDOUT, -110);
VALUE(SLUICE_EUSERS, -87);
VALUE(SLUICE_ESTALE, -116);
VALUE(SLUICE_ECANCELED, -125);
VALUE(SLUICE_ECORRUPT, -5000);
VALUE(SLUICE_EVERSION, -5001);
VALUE(SLUICE_EMISMATCH, -5002);
VALUE(SLUICE_EREMOVED, -5003);
VALUE(SLUICE_ENOSENDER, -5004);
VALUE(SLUICE_EADDRINUSE, -98);
VALUE(SLUICE_EADDRNOTAVAIL, -99);
VALUE(SLUICE_ECONNREFUSED, -111);
VALUE(SLUICE_ECONNRESET, -104);
VALUE(SLUICE_EHOSTUNREACH, -113);
VALUE(SLUICE_ENOTCONN, -107);
VALUE(SLUICE_KERNEL, 0x80);
VALUE(SLUICE_PEER_CREDENTIALS, 1);
VALUE(SLUICE_FDS_MAX, 253);

/* The first fields are the same in every options struct. */
#define SAME(field)                                                                                \
	_Static_assert(offsetof(struct sluice_queue_options, field) ==                             \
			       offsetof(struct sluice_mutex_options, field),                       \
		       #field " is not where the others have it")
SAME(size);
SAME(flags);
SAME(role);
SAME(mode);
SAME(participants);
SAME(group);
SAME(tag);
SAME(open_timeout_ns);
SAME(spin_ns);
SAME(slice_ns);
SAME(diagnostic);
SAME(diagnostic_size);
SAME(reserved);

int main(void)
{
	return 0;
}
