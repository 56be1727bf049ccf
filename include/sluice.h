/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sluice.h - inter-process communication that keeps its word
 *
 * Open by name, talk, close. Every object lives in one shared-memory segment that appears complete
 * or not at all; whoever opens the name joins it. A process may be killed at any instruction: what
 * it had committed is there, what it had not is gone, and the others go on.
 *
 * Return values, everywhere: negative is one of the codes below and nothing happened; zero is
 * done; positive is done, and the value is a count or a documented note. errno says nothing
 * about them, and is whatever it is after a call.
 *
 * Every call may be made from any thread. None is async-signal-safe unless its comment says so.
 * After fork() the child may use every handle it inherited (see sluice(7)); it takes places of its
 * own at its first call. Blocking calls follow SA_RESTART where the kernel lets us (Linux 5.16);
 * otherwise a caught signal ends them with SLUICE_EINTR.
 *
 * In the comments, "Conditions" are results the caller must expect and handle; "Failures" are
 * results to pass on. Every call that takes a handle can also fail with SLUICE_EINVAL (a bad
 * argument), SLUICE_EBADF (the handle is closed; certain in debug builds only), SLUICE_ECORRUPT (somebody damaged the segment),
 * SLUICE_EREMOVED (somebody removed the object) and SLUICE_ESTALE (the place was lost: the
 * program closed our descriptors, or a fork child holds a private object); these are not repeated.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_VERSION_MAJOR 0
#define SLUICE_VERSION_MINOR 1
#define SLUICE_VERSION_PATCH 0

#if defined(__GNUC__)
#define SLUICE_CHECKED __attribute__((warn_unused_result))
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_CHECKED
#define SLUICE_API
#endif

/* ------------------------------------------------------------------------------------------- */
/* Results                                                                                     */
/* ------------------------------------------------------------------------------------------- */

enum sluice_code {
	/* Notes: positive, the call was done. */
	SLUICE_RECOVERED = 1, /* the lock is yours; its last owner died holding it */

	/* Conditions and failures that errno has a number for. */
	SLUICE_EPERM = -EPERM,   /* not yours: unlock by a thread that is not the owner */
	SLUICE_ENOENT = -ENOENT, /* no object of that name */
	SLUICE_EINTR = -EINTR,   /* a caught signal ended the call */
	SLUICE_EIO = -EIO,       /* the system failed in a way that has no code here */
	SLUICE_EBADF = -EBADF,   /* the handle is closed, or the descriptor is not ours */
	SLUICE_EAGAIN = -EAGAIN, /* SLUICE_NOWAIT, and it would have to wait */
	SLUICE_ENOMEM = -ENOMEM, /* no memory or address space in this process */
	SLUICE_EACCES = -EACCES, /* permission denied, or an owner nobody expected */
	SLUICE_EBUSY = -EBUSY,   /* in use: too many loans, or the descriptor has another filter */
	SLUICE_EEXIST = -EEXIST, /* SLUICE_MUST_CREATE, and it is there */
	SLUICE_ENOTDIR = -ENOTDIR,           /* a part of the path is not a directory */
	SLUICE_EINVAL = -EINVAL,             /* the caller's mistake */
	SLUICE_EMFILE = -EMFILE,             /* no descriptor left in this process */
	SLUICE_ENFILE = -ENFILE,             /* no descriptor left in this system */
	SLUICE_ENOSPC = -ENOSPC,             /* the file system is full */
	SLUICE_EROFS = -EROFS,               /* the file system is read-only */
	SLUICE_EDEADLK = -EDEADLK,           /* this thread holds it already */
	SLUICE_ENAMETOOLONG = -ENAMETOOLONG, /* a name over 200 bytes, or too long a path */
	SLUICE_ENOSYS = -ENOSYS,             /* the kernel lacks what is needed */
	SLUICE_E2BIG = -E2BIG, /* options of a newer version that this library does not know */
	SLUICE_EMSGSIZE = -EMSGSIZE,     /* message over message_max, or over the buffer */
	SLUICE_EOPNOTSUPP = -EOPNOTSUPP, /* not for this kind of object, address or file system */
	SLUICE_ETIMEDOUT = -ETIMEDOUT,   /* the time was up */
	SLUICE_EUSERS = -EUSERS,         /* every participant's place is taken */
	SLUICE_ESTALE = -ESTALE,         /* this handle lost its place */
	SLUICE_ECANCELED = -ECANCELED,   /* sluice_<object>_interrupt() */

	/* What errno cannot say. */
	SLUICE_ECORRUPT = -5000,     /* not a segment, or a damaged one */
	SLUICE_EVERSION = -5001,     /* a segment of another layout, byte order or feature set */
	SLUICE_EMISMATCH = -5002,    /* it exists with another kind, tag or size than asked for */
	SLUICE_EREMOVED = -5003,     /* somebody removed the object */
	SLUICE_ENOSENDER = -5004,    /* the queue is empty and no sender is left */
	SLUICE_ENOPUBLISHER = -5007, /* nothing is left to receive and no publisher is left */
	SLUICE_EEVICTED = -5008      /* publishers waited too long for this subscriber */
};

/* sluice_error_name() - "SLUICE_EAGAIN" for SLUICE_EAGAIN; "SLUICE_?" for a number that is no code,
 * "0" for 0.
 * sluice_error_text() - the same in words. Both return static strings and are async-signal-safe. */
SLUICE_API const char *sluice_error_name(int code);
SLUICE_API const char *sluice_error_text(int code);

/* sluice_version() - the library's version at run time, "major.minor.patch". */
SLUICE_API const char *sluice_version(void);

/* ------------------------------------------------------------------------------------------- */
/* Time, flags, roles                                                                          */
/* ------------------------------------------------------------------------------------------- */

/* Timeouts are relative, in nanoseconds, on CLOCK_MONOTONIC. */
#define SLUICE_NOWAIT ((int64_t)0)
#define SLUICE_FOREVER ((int64_t)-1)
#define SLUICE_MS(n) ((int64_t)(n)*1000000)
#define SLUICE_S(n) ((int64_t)(n)*1000000000)

/* options.flags */
#define SLUICE_MUST_CREATE 0x01u /* SLUICE_EEXIST if it is there */
#define SLUICE_MUST_EXIST 0x02u  /* SLUICE_ENOENT if it is not */
#define SLUICE_PRIVATE 0x04u     /* name NULL: between threads of this process only */
#define SLUICE_EPHEMERAL 0x08u   /* creating: the object goes with its last participant */
#define SLUICE_EXPECT_SENDER                                                                       \
	0x10u /* queue, role receive: SLUICE_ENOSENDER once senders came and all are gone */
#define SLUICE_EXPECT_PUBLISHER                                                                    \
	0x10u /* subscriber: SLUICE_ENOPUBLISHER once publishers came and all are gone */

/* options.role; 0 is all of them */
#define SLUICE_SEND 0x1u
#define SLUICE_RECEIVE 0x2u

/* events of sluice_<object>_fd() */
#define SLUICE_READABLE 0x1u
#define SLUICE_WRITABLE 0x2u

/* Limits that are the same for every object. */
#define SLUICE_NAME_MAX 200          /* bytes in a name */
#define SLUICE_PARTICIPANTS_MAX 1024 /* places in one object */
#define SLUICE_LOANS_MAX 64          /* records one handle may have reserved and borrowed */

/*
 * Options. NULL is all defaults. The first field is the size of the struct the program was built
 * with; a zero anywhere means the default. Initialise with { sizeof(struct sluice_x_options) }.
 * The first sixteen fields are the same in every options struct.
 *
 * On attaching, a zero has no opinion; any other value must equal the object's (after rounding),
 * or the open fails with SLUICE_EMISMATCH and the diagnostic says which value differs.
 *
 * diagnostic: a buffer of the caller's that open fills with one sentence when it fails: which
 * object, what was wanted, what was found, what to do. Always terminated; untouched on success.
 */

/* ------------------------------------------------------------------------------------------- */
/* Queue: many senders, many receivers; each message goes to one receiver                      */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_queue sluice_queue;

struct sluice_queue_options {
	uint32_t size;         /* sizeof(struct sluice_queue_options) */
	uint32_t flags;        /* SLUICE_MUST_CREATE ... */
	uint32_t role;         /* SLUICE_SEND, SLUICE_RECEIVE, 0 for both */
	uint32_t mode;         /* permissions of a new object, default 0600; umask does not apply */
	uint32_t participants; /* places, 1 to 1024, default 128 */
	uint32_t group;        /* group of a new object; 0: the file system's choice */
	uint64_t tag;          /* 64-bit mark of what the messages mean; 0: any */
	int64_t open_timeout_ns; /* default 5 s: for a place, or a stopped peer that is attaching */
	int64_t spin_ns;         /* longest spin before sleeping; 1: never spin; default adaptive,
				    and never with one processor in the affinity mask */
	int64_t slice_ns; /* longest sleep between two looks at the peers, 10 ms to 5 s; 250 ms */
	char *diagnostic; /* where open says what went wrong; NULL: nowhere */
	uint32_t diagnostic_size; /* bytes there */
	uint32_t reserved;        /* zero */
	uint64_t capacity;     /* bytes of the ring, rounded up to a power of two, at least 4096 and
				     8 x message_max; default 1 MiB, or what message_max needs */
	uint64_t message_max;  /* longest message in bytes, 1 to 1 GiB; default 64 KiB, or an eighth
				     of a capacity that is too small for that */
	uint64_t messages_max; /* most messages at once; 0: as many as fit */
};

/* What came with a message. length is also set when receive fails with SLUICE_EMSGSIZE. */
struct sluice_message {
	uint32_t size;     /* in: sizeof(struct sluice_message) */
	uint32_t flags;    /* SLUICE_REDELIVERED */
	int64_t type;      /* as sent */
	uint64_t length;   /* bytes */
	uint64_t sequence; /* order of sending; aborted reservations leave gaps */
	uint32_t sender;   /* a hint for people: pid of the sender, 0 when unknown */
	uint32_t reserved;
};
#define SLUICE_REDELIVERED 0x1u /* somebody borrowed it before and died or put it back */

struct sluice_send_item {
	int64_t type;
	const void *data;
	size_t size;
};

struct sluice_receive_item {
	void *buffer;    /* in */
	size_t capacity; /* in: bytes there */
	size_t length;   /* out: bytes of the message */
	int64_t type;    /* out */
};

struct sluice_queue_info {
	uint32_t size;         /* in: sizeof(struct sluice_queue_info) */
	uint32_t participants; /* places */
	uint32_t attached;     /* places taken */
	uint32_t senders;      /* of those, with role send */
	uint32_t receivers;    /* of those, with role receive */
	uint32_t waiting;      /* of those, asleep in a call; a hint */
	uint64_t capacity;     /* bytes of the ring */
	uint64_t message_max;
	uint64_t messages_max;      /* 0: none */
	uint64_t messages;          /* in the queue now, reserved and borrowed ones included */
	uint64_t reserved_messages; /* of those, reserved by a sender */
	uint64_t borrowed;          /* of those, borrowed by a receiver */
	uint64_t bytes_used;        /* of capacity */
	uint64_t sent;     /* messages committed since creation; exact, also after a death */
	uint64_t received; /* messages consumed since creation; exact, also after a death */
	uint64_t repairs;  /* participants found dead and repaired after */
	uint64_t tag;
};

/**
 * sluice_queue_open() - create a queue or attach to it
 * @name:      a name, a path with a slash, "fd:N[,IN,OUT]", or NULL for this process and its children
 * @options:   NULL for the defaults
 * @ret_queue: the handle; give it back with sluice_queue_close()
 * Conditions: SLUICE_EEXIST SLUICE_ENOENT SLUICE_EMISMATCH SLUICE_EUSERS SLUICE_ETIMEDOUT.
 * Failures: SLUICE_EACCES SLUICE_ENOSPC SLUICE_ENOMEM SLUICE_EMFILE SLUICE_ENFILE SLUICE_EROFS
 * SLUICE_ENOTDIR SLUICE_ENAMETOOLONG SLUICE_EVERSION SLUICE_E2BIG SLUICE_EOPNOTSUPP SLUICE_ENOSYS
 * SLUICE_EIO.  Return: 0, or negative.
 */
SLUICE_API int sluice_queue_open(const char *name, const struct sluice_queue_options *options,
				 sluice_queue **ret_queue) SLUICE_CHECKED;

/* sluice_queue_close() - leave; takes NULL, never waits for another process. What this handle has
 * borrowed goes back to the queue, what it has reserved is aborted. No other thread may be inside
 * a call on the handle (sluice_queue_interrupt() brings them out). */
SLUICE_API void sluice_queue_close(sluice_queue *queue);

/**
 * sluice_queue_send() - append one message
 * @type:        greater than zero; what receivers select by
 * @data, @size: the message, 0 to message_max bytes, copied before return
 * @timeout_ns:  how long to wait for room
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EMSGSIZE SLUICE_EPERM (opened to receive only).
 * Return: 0, or negative (nothing was sent).
 */
SLUICE_API int sluice_queue_send(sluice_queue *queue, int64_t type, const void *data, size_t size,
				 int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_queue_receive() - take one message
 * @type:     0: the first; > 0: the first of that type; < 0: the first of the lowest type <= -type
 * @buffer, @capacity: where it goes; a longer message stays in the queue (SLUICE_EMSGSIZE, and
 *            @ret_info, if given, tells its length)
 * @ret_info: NULL, or what came with the message
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED SLUICE_EMSGSIZE
 * SLUICE_ENOSENDER (only with SLUICE_EXPECT_SENDER).
 * Failures: SLUICE_EPERM (opened to send only).
 * Return: bytes of the message, or negative (nothing was taken). A receiver killed inside the call
 * may have consumed the message; who needs "processed at least once" borrows.
 */
SLUICE_API int64_t sluice_queue_receive(sluice_queue *queue, int64_t type, void *buffer,
					size_t capacity, struct sluice_message *ret_info,
					int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_queue_send_many() - append messages, with one wake-up for all
 * @items, @count: in order; each is a message of its own
 * @timeout_ns:    how long to wait for room for the first; the rest go as far as there is room
 * Conditions and failures: as sluice_queue_send().
 * Return: messages sent, at least 1 (0 when @count is 0), or negative (none was sent).
 */
SLUICE_API int64_t sluice_queue_send_many(sluice_queue *queue, const struct sluice_send_item *items,
					  size_t count, int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_queue_receive_many() - take what is there, up to @count messages
 * @items: buffers in; lengths and types out
 * Ends before a message that does not fit its buffer; SLUICE_EMSGSIZE if that is the first one
 * (items[0].length tells its length).
 * Conditions and failures: as sluice_queue_receive().
 * Return: messages taken, at least 1 (0 when @count is 0), or negative (none was taken).
 */
SLUICE_API int64_t sluice_queue_receive_many(sluice_queue *queue, int64_t type,
					     struct sluice_receive_item *items, size_t count,
					     int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_queue_reserve() - room for a message, to be written in place
 * @size:     bytes needed, 0 to message_max
 * @ret_data: the room, aligned to 32 bytes; the caller's alone until commit or abort, also across
 *            threads. It pins the ring behind it: keep it short. At most SLUICE_LOANS_MAX at once.
 * Conditions: as sluice_queue_send(), and SLUICE_EBUSY (too many loans).
 * Return: 0, or negative.
 */
SLUICE_API int sluice_queue_reserve(sluice_queue *queue, size_t size, void **ret_data,
				    int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_queue_commit() - send what was written; @size may be less than reserved. Ends the loan
 * unless it fails with SLUICE_EINVAL (not a reservation of this handle, a bad type, a size over
 * the reserved one). The message takes the place in the order that it was reserved at. */
SLUICE_API int sluice_queue_commit(sluice_queue *queue, void *data, int64_t type,
				   size_t size) SLUICE_CHECKED;

/* sluice_queue_abort() - give the room back; nothing was sent. */
SLUICE_API int sluice_queue_abort(sluice_queue *queue, void *data);

/**
 * sluice_queue_borrow() - look at one message in place
 * @ret_data: the message, readable until consume or return. It pins the ring behind it. If this
 *            process dies first, the message goes back to its place, marked SLUICE_REDELIVERED.
 *            A hostile peer can change it under the reader: copy before you validate.
 * Otherwise as sluice_queue_receive(); also SLUICE_EBUSY (too many loans).
 * Return: bytes of the message, or negative.
 */
SLUICE_API int64_t sluice_queue_borrow(sluice_queue *queue, int64_t type, const void **ret_data,
				       struct sluice_message *ret_info,
				       int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_queue_consume() - the message is done with; it leaves the queue.
 * sluice_queue_return()  - put it back in its place, marked SLUICE_REDELIVERED. */
SLUICE_API int sluice_queue_consume(sluice_queue *queue, const void *data) SLUICE_CHECKED;
SLUICE_API int sluice_queue_return(sluice_queue *queue, const void *data);

/**
 * sluice_queue_fd() - a descriptor for poll, select, epoll
 * @events: SLUICE_READABLE or SLUICE_WRITABLE; one descriptor each
 * @type:   with SLUICE_READABLE: which messages, as in receive
 * Ready (POLLIN, for both events) when a call with SLUICE_NOWAIT might do something. Level-triggered;
 * may be ready for nothing: follow it with SLUICE_NOWAIT calls of the same type until
 * SLUICE_EAGAIN, which makes it not ready again. Belongs to the handle: do not read or close it.
 * Failures: SLUICE_EBUSY (it exists for another type) SLUICE_EPERM (not in this handle's role)
 * SLUICE_EMFILE SLUICE_ENFILE SLUICE_ENOSPC.
 * Return: the descriptor, or negative.
 */
SLUICE_API int sluice_queue_fd(sluice_queue *queue, uint32_t events, int64_t type) SLUICE_CHECKED;

/* sluice_queue_hold_fd() - the descriptor that keeps this participant alive. A child that is given
 * a duplicate of it holds on to the place when this process dies. Belongs to the handle.
 * SLUICE_EOPNOTSUPP for a private object; so does sluice_queue_share(). */
SLUICE_API int sluice_queue_hold_fd(sluice_queue *queue) SLUICE_CHECKED;

/* sluice_queue_share() - descriptors that let another process attach with "fd:N[,IN,OUT]", passed
 * over a socket or through exec. Returns how many; they belong to the handle (duplicate to keep). */
SLUICE_API int sluice_queue_share(sluice_queue *queue, int ret_fds[3]) SLUICE_CHECKED;

/* sluice_queue_interrupt() - blocked calls of other threads on this handle return SLUICE_ECANCELED;
 * those blocked on a lock do so within 64 ms. Calls made later are not affected. */
SLUICE_API int sluice_queue_interrupt(sluice_queue *queue);

/* sluice_queue_info() - counters and geometry; set ret_info->size first. */
SLUICE_API int sluice_queue_info(sluice_queue *queue, struct sluice_queue_info *ret_info);

/* ------------------------------------------------------------------------------------------- */
/* Mutex: between threads, between processes; survives the death of its owner                  */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_mutex sluice_mutex;

struct sluice_mutex_options {
	uint32_t size;
	uint32_t flags;
	uint32_t role; /* zero */
	uint32_t mode;
	uint32_t participants; /* default 1024 */
	uint32_t group;
	uint64_t tag;
	int64_t open_timeout_ns;
	int64_t spin_ns;
	int64_t slice_ns;
	char *diagnostic;
	uint32_t diagnostic_size;
	uint32_t reserved;
};

struct sluice_mutex_info {
	uint32_t size; /* in: sizeof(struct sluice_mutex_info) */
	uint32_t participants;
	uint32_t attached;
	uint32_t waiting; /* asleep in lock; a hint */
	uint32_t
		locked; /* 1: held; 2: free, but its last owner died (the next gets SLUICE_RECOVERED) */
	uint32_t owner; /* pid of the holder; a hint; 0: none or unknown */
	uint64_t repairs;
	uint64_t tag;
};

/* sluice_mutex_open(), sluice_mutex_close() - as their queue counterparts. Closing a handle that
 * holds the mutex counts as a death: the next owner gets SLUICE_RECOVERED. */
SLUICE_API int sluice_mutex_open(const char *name, const struct sluice_mutex_options *options,
				 sluice_mutex **ret_mutex) SLUICE_CHECKED;
SLUICE_API void sluice_mutex_close(sluice_mutex *mutex);

/**
 * sluice_mutex_lock() - own the mutex
 * Conditions: SLUICE_RECOVERED (it is yours; its last owner died, so what it guards may be half
 * done: repair it, then unlock, which declares it repaired; if you die first the next owner is
 * told again) SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EDEADLK (this thread owns it through this handle).
 * Return: 0, SLUICE_RECOVERED, or negative (not locked).
 */
SLUICE_API int sluice_mutex_lock(sluice_mutex *mutex, int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_mutex_unlock() - give it up. SLUICE_EPERM when this thread does not own it. */
SLUICE_API int sluice_mutex_unlock(sluice_mutex *mutex);

SLUICE_API int sluice_mutex_hold_fd(sluice_mutex *mutex) SLUICE_CHECKED;
SLUICE_API int sluice_mutex_share(sluice_mutex *mutex, int ret_fds[3]) SLUICE_CHECKED;
SLUICE_API int sluice_mutex_interrupt(sluice_mutex *mutex);
SLUICE_API int sluice_mutex_info(sluice_mutex *mutex, struct sluice_mutex_info *ret_info);

/* sluice_mutex_set_hint() - the pid that people see as the holder's (a command run under the lock);
 * 0 for this process. */
SLUICE_API int sluice_mutex_set_hint(sluice_mutex *mutex, uint32_t pid);

/* ------------------------------------------------------------------------------------------- */
/* Topic: each subscriber sees every message                                                   */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_publisher sluice_publisher;
typedef struct sluice_subscriber sluice_subscriber;

/* options.policy: what becomes of messages that a subscriber is too slow for */
#define SLUICE_OVERWRITE 1u /* they are overwritten; it is told exactly how many it lost */
#define SLUICE_WAIT 2u      /* publishers wait for it */
#define SLUICE_LATEST 3u    /* it wants the newest one only; the others count as lost */

struct sluice_topic_options {
	uint32_t size;         /* sizeof(struct sluice_topic_options) */
	uint32_t flags;        /* SLUICE_MUST_CREATE ... SLUICE_EXPECT_PUBLISHER */
	uint32_t role;         /* zero: the call says it */
	uint32_t mode;         /* permissions of a new object, default 0600 */
	uint32_t participants; /* zero: there are publishers + subscribers places */
	uint32_t group;
	uint64_t tag;
	int64_t open_timeout_ns;
	int64_t spin_ns;
	int64_t slice_ns;
	char *diagnostic;
	uint32_t diagnostic_size;
	uint32_t reserved;
	uint64_t
		depth; /* messages kept, rounded up to a power of two, 2 to 1048576; default as many
				 as fit 1 MiB, 16 at least, 1024 at most */
	uint64_t
		message_max; /* longest message in bytes, 1 to 1 GiB; default 64 KiB. With 96 or less
				 there is no pool */
	uint64_t capacity;   /* most bytes that the object may take; 0: what the rest adds up to */
	uint32_t subscribers; /* most at once, 1 to 512; default 8 */
	uint32_t publishers;  /* most at once, 1 to 512; default 4 */
	uint32_t loans;   /* messages that one publisher may have reserved, 1 to 15; default 1 */
	uint32_t borrows; /* messages that one subscriber may have borrowed, 1 to 15; default 1 */
	uint32_t
		policy; /* publisher: the topic's, for subscribers without one; subscriber: its own;
			     default SLUICE_OVERWRITE */
	uint32_t
		history; /* subscriber: begin with this many messages of the past, as far as they are
			     kept; default 0 */
	int64_t evict_after_ns; /* publisher: how long it waits for one and the same message of a living
				   subscriber; then it evicts that subscriber. 0: for ever */
};

/* What came with a message. length is also set when receive fails with SLUICE_EMSGSIZE. */
struct sluice_topic_message {
	uint32_t size;     /* in: sizeof(struct sluice_topic_message) */
	uint32_t sender;   /* a hint for people: pid of the publisher, 0 when unknown */
	uint64_t length;   /* bytes */
	uint64_t sequence; /* its number: 0 is the first ever published, none is left out */
	uint64_t lost;     /* messages that this subscriber lost right before this one */
};

struct sluice_topic_info {
	uint32_t size;              /* in: sizeof(struct sluice_topic_info) */
	uint32_t subscribers;       /* attached */
	uint32_t publishers;        /* attached */
	uint32_t subscribers_max;   /* places for them */
	uint32_t publishers_max;    /* places for them */
	uint32_t waiting;           /* asleep in a call; a hint */
	uint32_t loans;             /* a publisher's */
	uint32_t borrows;           /* a subscriber's */
	uint32_t policy;            /* the topic's */
	uint32_t reserved_messages; /* chunks that publishers write into now */
	uint32_t borrowed;          /* messages that subscribers have borrowed now */
	uint32_t evicted;           /* subscribers that have been, and do not know yet */
	uint64_t depth;             /* messages kept */
	uint64_t message_max;
	uint64_t chunks;    /* of the pool */
	uint64_t bytes;     /* of entries and pool */
	uint64_t published; /* messages since creation; exact, also after a death */
	uint64_t repairs;   /* participants found dead and repaired after */
	uint64_t tag;
};

/**
 * sluice_publisher_open()  - create a topic or attach to it, to publish
 * sluice_subscriber_open() - the same, to receive what is published from now on
 * @name:    a name, a path with a slash, "fd:N[,IN,OUT]", or NULL
 * @options: NULL for the defaults. The pool has depth + publishers x (loans + 1) + subscribers x
 *           (borrows + 1) + 1 chunks of message_max bytes; when that does not fit, the diagnostic
 *           shows the sum.
 * With SLUICE_PRIVATE, for publishers only, sluice_publisher_subscribe() is how to subscribe.
 * Conditions: SLUICE_EEXIST SLUICE_ENOENT SLUICE_EMISMATCH SLUICE_EUSERS SLUICE_ETIMEDOUT.
 * Failures: SLUICE_EACCES SLUICE_ENOSPC SLUICE_ENOMEM SLUICE_EMFILE SLUICE_ENFILE SLUICE_EROFS
 * SLUICE_ENOTDIR SLUICE_ENAMETOOLONG SLUICE_EVERSION SLUICE_E2BIG SLUICE_EOPNOTSUPP SLUICE_ENOSYS
 * SLUICE_EIO.  Return: 0, or negative.
 */
SLUICE_API int sluice_publisher_open(const char *name, const struct sluice_topic_options *options,
				     sluice_publisher **ret_publisher) SLUICE_CHECKED;
SLUICE_API int sluice_subscriber_open(const char *name, const struct sluice_topic_options *options,
				      sluice_subscriber **ret_subscriber) SLUICE_CHECKED;

/* sluice_publisher_subscribe() - a subscriber of the same topic, in this process; the only way to a
 * private one, and one to an anonymous one. Conditions and failures: as sluice_subscriber_open(). */
SLUICE_API int sluice_publisher_subscribe(sluice_publisher *publisher,
					  const struct sluice_topic_options *options,
					  sluice_subscriber **ret_subscriber) SLUICE_CHECKED;

/* Leave; takes NULL, never waits for another process. What is reserved is aborted, what is borrowed
 * is given back. No other thread may be inside a call on the handle. */
SLUICE_API void sluice_publisher_close(sluice_publisher *publisher);
SLUICE_API void sluice_subscriber_close(sluice_subscriber *subscriber);

/**
 * sluice_publisher_publish() - publish one message
 * @data, @size: the message, 0 to message_max bytes, copied before return
 * @timeout_ns:  how long to wait for subscribers with policy SLUICE_WAIT; for others it never waits
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EMSGSIZE.
 * Return: 0, or negative (nothing was published).
 */
SLUICE_API int sluice_publisher_publish(sluice_publisher *publisher, const void *data, size_t size,
					int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_publisher_reserve() - room for a message, to be written in place
 * @size:     bytes needed, 0 to message_max
 * @ret_data: the room, aligned to 32 bytes; the caller's alone until commit or abort
 * Conditions: as sluice_publisher_publish(), and SLUICE_EBUSY (as many are reserved as loans says).
 * Failures: SLUICE_EMSGSIZE.  Return: 0, or negative.
 */
SLUICE_API int sluice_publisher_reserve(sluice_publisher *publisher, size_t size, void **ret_data,
					int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_publisher_commit() - publish what was written; @size may be less than reserved. What it
 * costs does not depend on the size. The message takes its place in the order now. Ends the loan
 * when it succeeds; conditions as sluice_publisher_publish(), after which it may be tried again. */
SLUICE_API int sluice_publisher_commit(sluice_publisher *publisher, void *data, size_t size,
				       int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_publisher_abort() - give the room back; nothing was published. */
SLUICE_API int sluice_publisher_abort(sluice_publisher *publisher, void *data);

/**
 * sluice_subscriber_receive() - copy the next message
 * @buffer, @capacity: where it goes; a longer message stays the next one (SLUICE_EMSGSIZE, and
 *            @ret_info, if given, tells its length)
 * @ret_info: NULL, or what came with the message
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED SLUICE_EMSGSIZE
 * SLUICE_EEVICTED (publishers had waited too long for this subscriber; told once, then it goes on with
 * what is still there) SLUICE_ENOPUBLISHER (only with SLUICE_EXPECT_PUBLISHER).
 * Return: bytes of the message, or negative (nothing was received). With several threads on one
 * handle each message goes to one of them.
 */
SLUICE_API int64_t sluice_subscriber_receive(sluice_subscriber *subscriber, void *buffer,
					     size_t capacity, struct sluice_topic_message *ret_info,
					     int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_subscriber_borrow() - look at the next message in place
 * @ret_data: the message, readable until return, aligned to 32 bytes. Nobody writes there meanwhile; a
 *            hostile peer can. What it costs does not depend on the size.
 * Otherwise as sluice_subscriber_receive(); also SLUICE_EBUSY (as many are borrowed as borrows says).
 * Return: bytes of the message, or negative.
 */
SLUICE_API int64_t sluice_subscriber_borrow(sluice_subscriber *subscriber, const void **ret_data,
					    struct sluice_topic_message *ret_info,
					    int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_subscriber_return() - the borrowed message is done with. */
SLUICE_API int sluice_subscriber_return(sluice_subscriber *subscriber, const void *data);

/* sluice_subscriber_lost() - messages this subscriber has lost since it was opened. With those it
 * received they add up to those published. */
SLUICE_API int64_t sluice_subscriber_lost(sluice_subscriber *subscriber) SLUICE_CHECKED;

/* A descriptor for poll, select, epoll, as sluice_queue_fd(): a subscriber's is ready when there may
 * be a message, a publisher's when it may publish. Failures: SLUICE_EMFILE SLUICE_ENFILE
 * SLUICE_ENOSPC. */
SLUICE_API int sluice_publisher_fd(sluice_publisher *publisher) SLUICE_CHECKED;
SLUICE_API int sluice_subscriber_fd(sluice_subscriber *subscriber) SLUICE_CHECKED;

/* As their queue counterparts. */
SLUICE_API int sluice_publisher_hold_fd(sluice_publisher *publisher) SLUICE_CHECKED;
SLUICE_API int sluice_publisher_share(sluice_publisher *publisher, int ret_fds[3]) SLUICE_CHECKED;
SLUICE_API int sluice_publisher_interrupt(sluice_publisher *publisher);
SLUICE_API int sluice_publisher_info(sluice_publisher *publisher,
				     struct sluice_topic_info *ret_info);
SLUICE_API int sluice_subscriber_hold_fd(sluice_subscriber *subscriber) SLUICE_CHECKED;
SLUICE_API int sluice_subscriber_share(sluice_subscriber *subscriber,
				       int ret_fds[3]) SLUICE_CHECKED;
SLUICE_API int sluice_subscriber_interrupt(sluice_subscriber *subscriber);
SLUICE_API int sluice_subscriber_info(sluice_subscriber *subscriber,
				      struct sluice_topic_info *ret_info);

/* ------------------------------------------------------------------------------------------- */
/* Looking around and cleaning up                                                              */
/* ------------------------------------------------------------------------------------------- */

enum sluice_kind {
	SLUICE_KIND_NONE = 0, /* not a segment, or one that cannot be read */
	SLUICE_KIND_QUEUE = 1,
	SLUICE_KIND_MUTEX = 2,
	SLUICE_KIND_TOPIC = 8
};

/* sluice_kind_name() - "queue", "mutex", "topic", "unknown"; a static string. */
SLUICE_API const char *sluice_kind_name(uint32_t kind);

/* One participant, as sluice_inspect() found it. Everything but alive is a hint. */
struct sluice_participant {
	uint32_t size;
	uint32_t place;             /* index of its place */
	uint32_t alive;             /* 1: the kernel says so; 0: dead, not yet repaired after */
	uint32_t role;              /* SLUICE_SEND | SLUICE_RECEIVE; 0 for a mutex */
	uint32_t pid;               /* in its own PID namespace */
	uint32_t doing;             /* SLUICE_DOING_... */
	char command[16];           /* as in /proc/PID/comm, terminated */
	uint32_t reserved_messages; /* of a queue: what it has reserved and not committed */
	uint32_t borrowed;          /* of a queue: what it has borrowed and not given back */
	uint64_t position;          /* subscriber: number of the message it wants next */
	uint64_t lag;               /* subscriber: messages published that it has not got yet */
	uint64_t lost;              /* subscriber: messages that it lost */
	uint32_t policy;            /* subscriber: SLUICE_OVERWRITE ...; 0: no subscriber */
	uint32_t evicted;           /* subscriber: 1: it is, and does not know yet */
};
#define SLUICE_DOING_NOTHING 0u      /* or running; nobody tells */
#define SLUICE_DOING_WAIT_LOCK 1u    /* asleep, waiting for a lock */
#define SLUICE_DOING_WAIT_MESSAGE 2u /* asleep, waiting for a message */
#define SLUICE_DOING_WAIT_ROOM 3u    /* asleep, waiting for room */
#define SLUICE_DOING_HOLD 4u         /* holds the mutex */

/* What an object is, without attaching to it. */
struct sluice_inspection {
	uint32_t size;  /* in: sizeof(struct sluice_inspection) */
	uint32_t kind;  /* enum sluice_kind */
	int32_t state;  /* 0: sound; else the code an open would get: SLUICE_ECORRUPT ... */
	uint32_t flags; /* SLUICE_EPHEMERAL */
	uint32_t mode;  /* permission bits */
	uint32_t uid;
	uint32_t gid;
	uint32_t attached; /* living participants */
	uint32_t dead;     /* participants that died and were not yet repaired after */
	uint32_t stale;    /* 1: of an earlier boot; the next open makes it anew */
	uint64_t bytes;    /* size of the segment */
	uint64_t tag;
	struct sluice_queue_info queue; /* kind queue */
	struct sluice_mutex_info mutex; /* kind mutex */
	char name[256];                 /* as given, or the file's name in a listing */
	struct sluice_topic_info topic; /* kind topic */
};

/**
 * sluice_inspect() - look at an object without attaching
 * @ret_participants: NULL, or an array of @capacity; set participants[0].size first
 * Takes no place and stores nothing in the segment; reading needs read permission.
 * Conditions: SLUICE_ENOENT.  Failures: SLUICE_EACCES SLUICE_ENAMETOOLONG SLUICE_ENOMEM
 * SLUICE_EMFILE SLUICE_ENFILE SLUICE_ENOTDIR.
 * Return: participants stored, or negative. A damaged segment is a success with state set.
 */
SLUICE_API int sluice_inspect(const char *name, struct sluice_inspection *ret_inspection,
			      struct sluice_participant *ret_participants,
			      size_t capacity) SLUICE_CHECKED;

/* sluice_list() - call @each for every object in a directory (NULL: where names live), in no order.
 * A non-zero return of @each ends the walk and is returned. Return: 0, @each's, or negative. */
SLUICE_API int sluice_list(const char *directory,
			   int (*each)(const struct sluice_inspection *inspection, void *context),
			   void *context) SLUICE_CHECKED;

/**
 * sluice_remove() - remove an object by name, in use or not
 * Those attached get SLUICE_EREMOVED from their blocked and later calls; the name is free at once.
 * What is no segment is not touched when given by path (SLUICE_ECORRUPT); by name it goes too.
 * Conditions: SLUICE_ENOENT.  Failures: as sluice_inspect(), and SLUICE_EROFS.
 */
SLUICE_API int sluice_remove(const char *name) SLUICE_CHECKED;

/* What sluice_clean() found, for each entry. */
enum sluice_verdict {
	SLUICE_KEPT_IN_USE = 0,  /* a living process is attached */
	SLUICE_KEPT_CONTENT = 1, /* nobody is attached, but it holds messages, or news of a death */
	SLUICE_KEPT_FOREIGN = 2, /* not ours: a file nobody can name, or one of a newer layout */
	SLUICE_REMOVED_UNUSED = 3,
	SLUICE_REMOVED_DAMAGED = 4, /* a damaged segment; in the default directory, any file */
	SLUICE_REMOVED_STALE = 5,   /* of an earlier boot */
	SLUICE_REMOVED_DEBRIS = 6   /* a half-made segment or a bell without its segment */
};

#define SLUICE_CLEAN_DRY_RUN 0x1u /* say what would go, remove nothing */
#define SLUICE_CLEAN_CONTENT 0x2u /* also objects that hold messages, if nobody is attached */

/**
 * sluice_clean() - remove what no living process uses
 * @directory: NULL: where names live
 * @each:      NULL, or told of every entry: its file name, the verdict
 * Return: entries removed (or that would be), or negative.
 */
SLUICE_API int sluice_clean(const char *directory, uint32_t flags,
			    void (*each)(const char *file, int verdict, void *context),
			    void *context) SLUICE_CHECKED;

/* sluice_path() - the file a name stands for. Return: its length, or negative (SLUICE_ENAMETOOLONG
 * also when it does not fit; SLUICE_EOPNOTSUPP for "fd:N"). Creates nothing. */
SLUICE_API int sluice_path(const char *name, char *buffer, size_t capacity) SLUICE_CHECKED;

#ifdef __cplusplus
}
#endif

#endif
