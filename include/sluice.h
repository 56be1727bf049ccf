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
 * about them, and is whatever it is after a call. A buffer to receive into may have been written
 * to all the same, also behind what was received, but never beyond its length.
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
#include <sys/uio.h>

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
	SLUICE_LAST = 2,      /* all have come to the barrier, and you were the last one */

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
	SLUICE_ENOTDIR = -ENOTDIR,             /* a part of the path is not a directory */
	SLUICE_EINVAL = -EINVAL,               /* the caller's mistake */
	SLUICE_EMFILE = -EMFILE,               /* no descriptor left in this process */
	SLUICE_ENFILE = -ENFILE,               /* no descriptor left in this system */
	SLUICE_ENOSPC = -ENOSPC,               /* the file system is full */
	SLUICE_EROFS = -EROFS,                 /* the file system is read-only */
	SLUICE_EPIPE = -EPIPE,                 /* nobody is left who could read it */
	SLUICE_EDEADLK = -EDEADLK,             /* this thread holds it already */
	SLUICE_EADDRINUSE = -EADDRINUSE,       /* a living server has that address */
	SLUICE_EADDRNOTAVAIL = -EADDRNOTAVAIL, /* not an address of this machine */
	SLUICE_ECONNREFUSED = -ECONNREFUSED,   /* nobody listens there */
	SLUICE_ECONNRESET = -ECONNRESET, /* the connection broke: reset, or its machine is silent */
	SLUICE_EHOSTUNREACH = -EHOSTUNREACH, /* there is no way to that machine */
	SLUICE_ENOTCONN = -ENOTCONN,         /* no peer was given */
	SLUICE_ENAMETOOLONG = -ENAMETOOLONG, /* a name over 200 bytes, or too long a path */
	SLUICE_ENOSYS = -ENOSYS,             /* the kernel lacks what is needed */
	SLUICE_E2BIG = -E2BIG, /* options of a newer version that this library does not know */
	SLUICE_EMSGSIZE = -EMSGSIZE,     /* message over message_max, or over the buffer */
	SLUICE_EOPNOTSUPP = -EOPNOTSUPP, /* not for this kind of object, address or file system */
	SLUICE_EOVERFLOW = -EOVERFLOW,   /* a number would pass its limit */
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
	SLUICE_EPEERDIED = -5005,    /* a party of the barrier died, and nobody has reset it */
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
#define SLUICE_PERSIST 0x20u    /* stream, creating: it stays, and its bytes, when all have left */
#define SLUICE_SECOND_END 0x40u /* two-way stream by "fd:N": be its second end, not its first */
#define SLUICE_KERNEL 0x80u     /* stream pair: a pipe(2); duplex: a socketpair(2) */

#define SLUICE_READ_ONLY 0x200u     /* memory, subscriber: look on, changing no byte, no place */
#define SLUICE_COPY_ON_WRITE 0x400u /* mapped file: what this process writes stays its own */
#define SLUICE_HUGE_PAGES                                                                          \
	0x800u                /* memory: ask for huge pages; a wish that the kernel may not grant */
#define SLUICE_SEALED 0x1000u /* anonymous memory, topic: only this process can ever write to it */

/* options.role; 0 is all of them */
#define SLUICE_SEND 0x1u
#define SLUICE_RECEIVE 0x2u
#define SLUICE_WRITE SLUICE_SEND   /* the same, of a stream */
#define SLUICE_READ SLUICE_RECEIVE /* likewise */

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
 * before Linux 5.16 those blocked on a lock may do so a slice later. Calls made later are not
 * affected. */
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
/* Memory: plain shared bytes that can grow, with what guards them inside                       */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_memory sluice_memory;

#define SLUICE_MEMORY_MAX ((uint64_t)1 << 39) /* bytes a memory may grow to */
#define SLUICE_MEMORY_GATES_MAX 1024          /* mutexes in one memory; and so on */

struct sluice_memory_options {
	uint32_t size;
	uint32_t flags; /* SLUICE_READ_ONLY ... */
	uint32_t role;  /* zero */
	uint32_t mode;
	uint32_t participants; /* default 128; readers with SLUICE_READ_ONLY do not count */
	uint32_t group;
	uint64_t tag;
	int64_t open_timeout_ns;
	int64_t spin_ns;
	int64_t slice_ns;
	char *diagnostic;
	uint32_t diagnostic_size;
	uint32_t reserved;
	uint64_t bytes;   /* of data at first, rounded up to 4096; default 1 MiB, or maximum */
	uint64_t maximum; /* what it may grow to, up to SLUICE_MEMORY_MAX; default: bytes */
	uint32_t mutexes; /* in it, 0 to SLUICE_MEMORY_GATES_MAX */
	uint32_t conditions;
	uint32_t semaphores;
	uint32_t initial; /* units of each semaphore when it is made; default 0 */
	uint32_t ceiling; /* of each semaphore, free and held; default SLUICE_SEMAPHORE_MAX */
	uint32_t rwlocks; /* reader-writer locks; each takes 128 bytes for each participant */
};

struct sluice_memory_info {
	uint32_t size; /* in: sizeof(struct sluice_memory_info) */
	uint32_t participants;
	uint32_t attached;
	uint32_t waiting;    /* asleep in lock; a hint */
	uint32_t mutexes;    /* in it */
	uint32_t locked;     /* of those, held */
	uint32_t owner_died; /* mutexes and rwlocks whose next owner gets SLUICE_RECOVERED */
	uint32_t conditions; /* in it */
	uint64_t bytes;      /* of data now */
	uint64_t maximum;    /* what it may grow to */
	uint64_t root;       /* *sluice_memory_root() */
	uint64_t repairs;
	uint64_t tag;
	uint32_t semaphores; /* in it */
	uint32_t held;       /* units of all of them */
	uint64_t huge;       /* bytes that this process has on huge pages; with SLUICE_HUGE_PAGES */
	uint32_t rwlocks;    /* in it */
	uint32_t rwlocked;   /* of them, shared or exclusive */
};

/**
 * sluice_memory_open() - create a memory or attach to it
 * @name, @options: as for sluice_queue_open(). New data is zero. With SLUICE_READ_ONLY the data is
 *      mapped for reading: a store to it is a SIGSEGV, the kernel guarantees that nothing changes;
 *      read permission is enough, and what is absent is not made (SLUICE_ENOENT). With SLUICE_SEALED
 *      and name NULL, nobody but this process and its fork children can ever write to it, whatever
 *      descriptor they have; sluice_memory_share() gives one descriptor, to be opened with
 *      SLUICE_READ_ONLY (without: SLUICE_EACCES).
 * Conditions: SLUICE_EEXIST SLUICE_ENOENT SLUICE_EMISMATCH SLUICE_EUSERS SLUICE_ETIMEDOUT.
 * Failures: SLUICE_EACCES SLUICE_ENOSPC SLUICE_ENOMEM (also: not as much address space as maximum)
 * SLUICE_EMFILE SLUICE_ENFILE SLUICE_EROFS SLUICE_ENOTDIR SLUICE_ENAMETOOLONG SLUICE_EVERSION
 * SLUICE_E2BIG SLUICE_EOPNOTSUPP SLUICE_ENOSYS SLUICE_EIO.  Return: 0, or negative.
 */
SLUICE_API int sluice_memory_open(const char *name, const struct sluice_memory_options *options,
				  sluice_memory **ret_memory) SLUICE_CHECKED;

/* sluice_memory_close() - leave, and unmap the data; takes NULL. A mutex that this handle holds counts
 * as left by a death: the next owner gets SLUICE_RECOVERED. Units that it holds are given back. */
SLUICE_API void sluice_memory_close(sluice_memory *memory);

/* sluice_memory_data() - where the data is in this process, aligned to 4096 bytes; the same until
 * close, however much it grows. Other processes have it elsewhere: store offsets, not pointers.
 * NULL for a bad handle. Touching it behind sluice_memory_size() is a SIGBUS or SIGSEGV. */
SLUICE_API void *sluice_memory_data(sluice_memory *memory);

/* sluice_memory_size() - bytes of data now, or negative. Others may let it grow at any time; it never
 * gets less. */
SLUICE_API int64_t sluice_memory_size(sluice_memory *memory) SLUICE_CHECKED;

/* sluice_memory_root() - a word for an offset into the data, where the program's structure begins; 0
 * at first. The program's own to read and write, guarded by what guards the structure. NULL for a
 * bad handle. */
SLUICE_API uint64_t *sluice_memory_root(sluice_memory *memory);

/* sluice_memory_at() - the address of the @size bytes at @offset, as it was stored by somebody; NULL if
 * they are not all in front of the size.
 * sluice_memory_offset_of() - the offset of an address in the data, to be stored; SLUICE_EINVAL if it is
 * none. Both also for mapped files. */
SLUICE_API void *sluice_memory_at(sluice_memory *memory, uint64_t offset, uint64_t size);
SLUICE_API int64_t sluice_memory_offset_of(sluice_memory *memory,
					   const void *address) SLUICE_CHECKED;

/**
 * sluice_memory_resize() - let the data grow, online
 * @bytes: at least so many, rounded up to 4096; less than there are is done already
 * Everybody's pointers stay valid and everybody may use the new bytes, which are zero. The room is
 * there when the call returns: a full file system is an error here and never a SIGBUS later.
 * Failures: SLUICE_EINVAL (over the maximum) SLUICE_EPERM (read-only) SLUICE_ENOSPC SLUICE_ENOMEM
 * SLUICE_EIO.  Return: 0, or negative (nothing changed).
 */
SLUICE_API int sluice_memory_resize(sluice_memory *memory, uint64_t bytes) SLUICE_CHECKED;

/**
 * sluice_memory_copy() - read bytes where somebody might have cut the file
 * Reads through the kernel, so what is gone is an error and not a SIGBUS.
 * Failures: SLUICE_EINVAL (behind the size) SLUICE_EREMOVED (somebody cut it off) SLUICE_EIO.
 * Return: 0, or negative (the buffer may be half filled).
 */
SLUICE_API int sluice_memory_copy(sluice_memory *memory, uint64_t offset, void *buffer,
				  size_t size) SLUICE_CHECKED;

/**
 * sluice_memory_mutex_lock() - own one of the mutexes inside the memory
 * @index: 0 to options.mutexes - 1 (SLUICE_EINVAL)
 * Conditions: as sluice_mutex_lock(), also SLUICE_RECOVERED SLUICE_EAGAIN SLUICE_ETIMEDOUT
 * SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EDEADLK SLUICE_EPERM (read-only).
 * Return: 0, SLUICE_RECOVERED, or negative (not locked).
 */
SLUICE_API int sluice_memory_mutex_lock(sluice_memory *memory, uint32_t index,
					int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_memory_mutex_unlock() - give it up. SLUICE_EPERM when this thread does not own it. */
SLUICE_API int sluice_memory_mutex_unlock(sluice_memory *memory, uint32_t index);

/**
 * sluice_memory_rwlock_lock_shared()    - read: with others who read, while nobody writes
 * sluice_memory_rwlock_lock_exclusive() - write: alone
 * @index: 0 to options.rwlocks - 1 (SLUICE_EINVAL)
 * As the sluice_rwlock_ calls: nobody starves, a dead reader is counted no more, and when a writer died
 * inside all get SLUICE_RECOVERED until one who wrote unlocks.
 * Conditions: SLUICE_RECOVERED SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EDEADLK SLUICE_EOVERFLOW SLUICE_ENOMEM SLUICE_EPERM (read-only).
 * Return: 0, SLUICE_RECOVERED, or negative (not locked).
 */
SLUICE_API int sluice_memory_rwlock_lock_shared(sluice_memory *memory, uint32_t index,
						int64_t timeout_ns) SLUICE_CHECKED;
SLUICE_API int sluice_memory_rwlock_lock_exclusive(sluice_memory *memory, uint32_t index,
						   int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_memory_rwlock_unlock() - end what this thread has locked. SLUICE_EPERM: nothing. */
SLUICE_API int sluice_memory_rwlock_unlock(sluice_memory *memory, uint32_t index);

/**
 * sluice_memory_condition_wait() - give up a mutex of the memory, sleep until told, own it again
 * @condition, @mutex: their indexes (SLUICE_EINVAL)
 * As sluice_condition_wait(): may return for nothing, so look at what is waited for in a loop.
 * Conditions: SLUICE_RECOVERED SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED; the mutex is owned then.
 * Failures: SLUICE_EPERM (not the owner, or read-only) SLUICE_EREMOVED SLUICE_ECORRUPT SLUICE_ESTALE:
 * it is not owned.
 * Return: 0, SLUICE_RECOVERED, or negative.
 */
SLUICE_API int sluice_memory_condition_wait(sluice_memory *memory, uint32_t condition,
					    uint32_t mutex, int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_memory_condition_signal() - tell one waiter; _broadcast() - tell all. SLUICE_EPERM: read-only. */
SLUICE_API int sluice_memory_condition_signal(sluice_memory *memory, uint32_t condition);
SLUICE_API int sluice_memory_condition_broadcast(sluice_memory *memory, uint32_t condition);

/**
 * sluice_memory_semaphore_acquire() - hold units of a semaphore inside the memory
 * @index: 0 to options.semaphores - 1 (SLUICE_EINVAL)
 * All five are as the sluice_semaphore_ calls: what was acquired is released, and comes back when the
 * handle is closed or its process dies; what was waited for is gone, and posted by others.
 * Conditions of acquire and wait: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED; of
 * release and post: SLUICE_EOVERFLOW (over the ceiling) SLUICE_ETIMEDOUT (a process that is alive, but
 * stopped, was in the middle of a call for open_timeout_ns).
 * Failures: SLUICE_EPERM (read-only; release: this handle holds fewer).
 * Return: 0, or negative (nothing moved).
 */
SLUICE_API int sluice_memory_semaphore_acquire(sluice_memory *memory, uint32_t index,
					       uint32_t units, int64_t timeout_ns) SLUICE_CHECKED;
SLUICE_API int sluice_memory_semaphore_release(sluice_memory *memory, uint32_t index,
					       uint32_t units);
SLUICE_API int sluice_memory_semaphore_wait(sluice_memory *memory, uint32_t index, uint32_t units,
					    int64_t timeout_ns) SLUICE_CHECKED;
SLUICE_API int sluice_memory_semaphore_post(sluice_memory *memory, uint32_t index,
					    uint32_t units) SLUICE_CHECKED;
/* sluice_memory_semaphore_value() - units that are free now, or negative. */
SLUICE_API int64_t sluice_memory_semaphore_value(sluice_memory *memory,
						 uint32_t index) SLUICE_CHECKED;

/**
 * sluice_memory_allocate() - a block of the data, and the link to it, in one commit
 * @size: at least 1
 * @link: a word in the data (aligned to 8), or sluice_memory_root(); must be 0, and gets the offset of
 *        the block, which is aligned to 16 and zero. Guard it with a mutex of the same memory.
 * Whoever is killed inside has allocated and linked, or neither: nothing leaks. Lets the memory grow
 * when it must. A program that allocates leaves all of the data to the allocator.
 * Conditions: SLUICE_ETIMEDOUT (a process that is alive, but stopped, was in here for open_timeout_ns)
 * SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EINVAL (no word in the memory, or not 0) SLUICE_ENOSPC (no room up to the maximum, or
 * the file system is full) SLUICE_ENOMEM SLUICE_EPERM (read-only) SLUICE_EIO.
 * Return: 0, or negative (nothing changed).
 */
SLUICE_API int sluice_memory_allocate(sluice_memory *memory, uint64_t size,
				      uint64_t *link) SLUICE_CHECKED;

/* sluice_memory_free() - free the block that *@link says, and make *@link 0, in one commit.
 * SLUICE_EINVAL: that is no block; SLUICE_EPERM SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED as above. */
SLUICE_API int sluice_memory_free(sluice_memory *memory, uint64_t *link) SLUICE_CHECKED;

/* sluice_memory_check() - look at every block: 0, or SLUICE_ECORRUPT when somebody wrote over the
 * allocator's words. SLUICE_EPERM SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED as above. */
SLUICE_API int sluice_memory_check(sluice_memory *memory) SLUICE_CHECKED;

struct sluice_memory_file_options {
	uint32_t size;
	uint32_t flags;        /* SLUICE_MUST_CREATE, SLUICE_MUST_EXIST, SLUICE_READ_ONLY,
				  SLUICE_COPY_ON_WRITE */
	uint32_t role;         /* zero, as all that is not named here */
	uint32_t mode;         /* permissions of a new file, default 0600 */
	uint32_t participants; /* zero */
	uint32_t group;        /* zero */
	uint64_t tag;          /* zero */
	int64_t open_timeout_ns;
	int64_t spin_ns;
	int64_t slice_ns;
	char *diagnostic;
	uint32_t diagnostic_size;
	uint32_t reserved;
	uint64_t offset;  /* where in the file the data begins, any byte */
	uint64_t length;  /* bytes; 0: to the end of the file. A new file is given them */
	uint64_t maximum; /* what it may grow to; default: length */
};

/**
 * sluice_memory_map_file() - a file, or a part of it, as memory
 * @path: of a regular file, which is made if it is absent, unless @options says SLUICE_MUST_EXIST,
 *        SLUICE_READ_ONLY or SLUICE_COPY_ON_WRITE
 * Stores are in the file at once, for everybody; with SLUICE_COPY_ON_WRITE in no file ever, and read
 * permission is enough. An empty file has no bytes, and can grow. The data begins at any offset, so it
 * is aligned as that offset is. Such a memory has no mutexes, no root and no places. sluice_memory_data,
 * _size, _resize, _copy, _info and _close are for it too; after a fork the child goes on with it.
 * Conditions: SLUICE_EEXIST SLUICE_ENOENT.
 * Failures: SLUICE_EINVAL (past the end of the file) SLUICE_EOPNOTSUPP (a directory, a device)
 * SLUICE_EACCES SLUICE_EPERM SLUICE_ENOSPC SLUICE_ENOMEM SLUICE_EMFILE SLUICE_ENFILE SLUICE_EROFS
 * SLUICE_ENOTDIR SLUICE_ENAMETOOLONG SLUICE_E2BIG SLUICE_EIO.  Return: 0, or negative.
 */
SLUICE_API int sluice_memory_map_file(const char *path,
				      const struct sluice_memory_file_options *options,
				      sluice_memory **ret_memory) SLUICE_CHECKED;

/* durability of sluice_memory_sync() */
#define SLUICE_SYNC_START 0u /* writing has begun; nothing is promised */
#define SLUICE_SYNC_DATA 1u  /* the bytes of the range are on the device */
#define SLUICE_SYNC_FILE 2u  /* so are all of the file, its size and its times */

/**
 * sluice_memory_sync() - have a mapped file's bytes written to its device
 * Failures: SLUICE_EINVAL (behind the size) SLUICE_EPERM (a copy) SLUICE_EOPNOTSUPP (not a file)
 * SLUICE_EREMOVED (somebody cut it off) SLUICE_ENOSPC SLUICE_EIO.  Return: 0, or negative.
 */
SLUICE_API int sluice_memory_sync(sluice_memory *memory, uint64_t offset, uint64_t length,
				  uint32_t durability) SLUICE_CHECKED;

#define SLUICE_ADVICE_NORMAL 0u
#define SLUICE_ADVICE_SEQUENTIAL 1u
#define SLUICE_ADVICE_RANDOM 2u
#define SLUICE_ADVICE_WILL_NEED 3u

/* sluice_memory_advise() - say how a range of a mapped file will be read. SLUICE_EINVAL: behind the
 * size, or no advice; SLUICE_EOPNOTSUPP: not a file. */
SLUICE_API int sluice_memory_advise(sluice_memory *memory, uint64_t offset, uint64_t length,
				    uint32_t advice);

/* As their queue counterparts. hold_fd: SLUICE_EOPNOTSUPP when read-only; share then gives a
 * descriptor that can only be read. */
SLUICE_API int sluice_memory_hold_fd(sluice_memory *memory) SLUICE_CHECKED;
SLUICE_API int sluice_memory_share(sluice_memory *memory, int ret_fds[3]) SLUICE_CHECKED;
SLUICE_API int sluice_memory_interrupt(sluice_memory *memory);
SLUICE_API int sluice_memory_info(sluice_memory *memory, struct sluice_memory_info *ret_info);

/* ------------------------------------------------------------------------------------------- */
/* Semaphore: units to be held, which come back when their holder dies, or to be signalled with */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_semaphore sluice_semaphore;

#define SLUICE_SEMAPHORE_MAX 0x7fffffffu /* units */

struct sluice_semaphore_options {
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
	uint32_t initial; /* units of a new semaphore, default 0 */
	uint32_t ceiling; /* most units there may be, free and held together; 1: binary; default
			     SLUICE_SEMAPHORE_MAX */
};

struct sluice_semaphore_info {
	uint32_t size; /* in: sizeof(struct sluice_semaphore_info) */
	uint32_t participants;
	uint32_t attached;
	uint32_t waiting; /* asleep in acquire or wait; a hint */
	uint32_t value;   /* units that are free */
	uint32_t held;    /* units that participants hold */
	uint32_t holders; /* participants that hold some */
	uint32_t initial;
	uint32_t ceiling;
	uint32_t reserved;
	uint64_t repairs;
	uint64_t tag;
};

/* sluice_semaphore_open(), sluice_semaphore_close() - as their queue counterparts. Closing gives
 * back the units that the handle holds. */
SLUICE_API int sluice_semaphore_open(const char *name,
				     const struct sluice_semaphore_options *options,
				     sluice_semaphore **ret_semaphore) SLUICE_CHECKED;
SLUICE_API void sluice_semaphore_close(sluice_semaphore *semaphore);

/**
 * sluice_semaphore_acquire() - hold @units of it
 * @units: 1 to the ceiling; all at once or none
 * They belong to the handle, whichever thread asked. When its process dies, at whatever instruction,
 * they come back, exactly, and those who wait for them go on. Nobody is served in order.
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EINVAL (0, or more than the ceiling).  Return: 0, or negative (nothing acquired).
 */
SLUICE_API int sluice_semaphore_acquire(sluice_semaphore *semaphore, uint32_t units,
					int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_semaphore_release() - give back @units that this handle holds
 * Conditions: SLUICE_EPERM (it holds fewer) SLUICE_ETIMEDOUT (for 5 s a stopped process has been in
 * the middle of a call) SLUICE_ECANCELED.  Return: 0, or negative (nothing released).
 */
SLUICE_API int sluice_semaphore_release(sluice_semaphore *semaphore, uint32_t units);

/**
 * sluice_semaphore_wait() - take @units that were posted; they belong to nobody
 * Conditions, failures and return: as sluice_semaphore_acquire().
 */
SLUICE_API int sluice_semaphore_wait(sluice_semaphore *semaphore, uint32_t units,
				     int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_semaphore_post() - add @units
 * Conditions: SLUICE_EOVERFLOW (it would pass the ceiling) SLUICE_ETIMEDOUT SLUICE_ECANCELED (as for
 * release).  Failures: SLUICE_EINVAL (0 units).  Return: 0, or negative (nothing posted).
 */
SLUICE_API int sluice_semaphore_post(sluice_semaphore *semaphore, uint32_t units);

/* sluice_semaphore_value() - units that are free, as of a moment ago. */
SLUICE_API int64_t sluice_semaphore_value(sluice_semaphore *semaphore) SLUICE_CHECKED;

/**
 * sluice_semaphore_hold_for() - acquire and release on the account of @fd from now on
 * @fd: open for reading and writing on the semaphore's file (sluice_path()). What is held belongs to
 *      its open file description, so to all who inherited it, and comes back when the last one
 *      closes it. Another process that is given @fd may release it.
 * Failures: SLUICE_EBADF (not such a descriptor) SLUICE_EUSERS SLUICE_ETIMEDOUT (no place for it)
 * SLUICE_EOPNOTSUPP (a private semaphore).  Return: 0, or negative.
 */
SLUICE_API int sluice_semaphore_hold_for(sluice_semaphore *semaphore, int fd) SLUICE_CHECKED;

/**
 * sluice_semaphore_fd() - a descriptor for poll, select, epoll
 * @events: SLUICE_READABLE: ready when acquire or wait with SLUICE_NOWAIT might succeed
 * As sluice_queue_fd(): follow it with a SLUICE_NOWAIT call, whose SLUICE_EAGAIN makes it not ready.
 * Failures: SLUICE_EMFILE SLUICE_ENFILE SLUICE_ENOSPC.  Return: the descriptor, or negative.
 */
SLUICE_API int sluice_semaphore_fd(sluice_semaphore *semaphore, uint32_t events) SLUICE_CHECKED;

SLUICE_API int sluice_semaphore_hold_fd(sluice_semaphore *semaphore) SLUICE_CHECKED;
SLUICE_API int sluice_semaphore_share(sluice_semaphore *semaphore, int ret_fds[3]) SLUICE_CHECKED;
SLUICE_API int sluice_semaphore_interrupt(sluice_semaphore *semaphore);
SLUICE_API int sluice_semaphore_info(sluice_semaphore *semaphore,
				     struct sluice_semaphore_info *ret_info);

/* sluice_semaphore_set_hint() - the pid that people see as the holder's; 0 for this process. */
SLUICE_API int sluice_semaphore_set_hint(sluice_semaphore *semaphore, uint32_t pid);

/* ------------------------------------------------------------------------------------------- */
/* Reader-writer lock: any number who read, or one who writes; each may die                      */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_rwlock sluice_rwlock;

struct sluice_rwlock_options {
	uint32_t size;
	uint32_t flags;
	uint32_t role; /* zero */
	uint32_t mode;
	uint32_t participants; /* default 128; each takes 640 bytes */
	uint32_t group;
	uint64_t tag;
	int64_t open_timeout_ns;
	int64_t spin_ns;
	int64_t slice_ns;
	char *diagnostic;
	uint32_t diagnostic_size;
	uint32_t reserved;
};

struct sluice_rwlock_info {
	uint32_t size; /* in: sizeof(struct sluice_rwlock_info) */
	uint32_t participants;
	uint32_t attached;
	uint32_t waiting;    /* asleep in a lock call; a hint */
	uint32_t locked;     /* 1: shared; 2: exclusively */
	uint32_t readers;    /* threads that have it shared; a hint */
	uint32_t owner;      /* pid of who has it exclusively; a hint; 0: nobody or unknown */
	uint32_t owner_died; /* 1: one did, and nobody has repaired what it left */
	uint64_t repairs;
	uint64_t tag;
};

/* sluice_rwlock_open(), sluice_rwlock_close() - as their queue counterparts. Closing a handle through
 * which it is locked counts as a death. */
SLUICE_API int sluice_rwlock_open(const char *name, const struct sluice_rwlock_options *options,
				  sluice_rwlock **ret_rwlock) SLUICE_CHECKED;
SLUICE_API void sluice_rwlock_close(sluice_rwlock *rwlock);

/**
 * sluice_rwlock_lock_shared() - read, together with others
 * A thread that reads may call it again, which never waits; each call needs its unlock. Who waits for a
 * writer is let in when that one has ended, before the next; newcomers wait behind a waiting writer.
 * Conditions: SLUICE_RECOVERED (locked shared; but a writer died, and nobody has locked it exclusively
 * and unlocked since, so what it guards may be half written) SLUICE_EAGAIN SLUICE_ETIMEDOUT
 * SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EDEADLK (this thread has it exclusively) SLUICE_ENOMEM.
 * Return: 0, SLUICE_RECOVERED, or negative (not locked).
 */
SLUICE_API int sluice_rwlock_lock_shared(sluice_rwlock *rwlock, int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_rwlock_lock_exclusive() - write, alone
 * Conditions: SLUICE_RECOVERED (it is yours; a writer died, so what it guards may be half written:
 * repair it, then unlock, which declares it repaired; if you die first the next ones are told again)
 * SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EDEADLK (this thread has it already, shared or exclusively).
 * Return: 0, SLUICE_RECOVERED, or negative (not locked).
 */
SLUICE_API int sluice_rwlock_lock_exclusive(sluice_rwlock *rwlock,
					    int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_rwlock_unlock() - give up what this thread has of it, shared or exclusive. SLUICE_EPERM when it
 * has nothing. */
SLUICE_API int sluice_rwlock_unlock(sluice_rwlock *rwlock);

SLUICE_API int sluice_rwlock_hold_fd(sluice_rwlock *rwlock) SLUICE_CHECKED;
SLUICE_API int sluice_rwlock_share(sluice_rwlock *rwlock, int ret_fds[3]) SLUICE_CHECKED;
SLUICE_API int sluice_rwlock_interrupt(sluice_rwlock *rwlock);
SLUICE_API int sluice_rwlock_info(sluice_rwlock *rwlock, struct sluice_rwlock_info *ret_info);

/* sluice_rwlock_set_hint() - the pid that people see as the holder's; 0 for this process. */
SLUICE_API int sluice_rwlock_set_hint(sluice_rwlock *rwlock, uint32_t pid);

/* ------------------------------------------------------------------------------------------- */
/* Barrier: nobody goes on before all have come, or one of them died                             */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_barrier sluice_barrier;

#define SLUICE_BARRIER_PARTIES_MAX 1024u

struct sluice_barrier_options {
	uint32_t size;
	uint32_t flags;
	uint32_t role; /* zero */
	uint32_t mode;
	uint32_t participants; /* default 128, or parties if that is more */
	uint32_t group;
	uint64_t tag;
	int64_t open_timeout_ns;
	int64_t spin_ns;
	int64_t slice_ns;
	char *diagnostic;
	uint32_t diagnostic_size;
	uint32_t reserved;
	uint32_t parties;   /* who have to come, 1 to SLUICE_BARRIER_PARTIES_MAX; 0: it exists */
	uint32_t reserved2; /* zero */
};

struct sluice_barrier_info {
	uint32_t size; /* in: sizeof(struct sluice_barrier_info) */
	uint32_t participants;
	uint32_t attached;
	uint32_t waiting; /* asleep in wait; a hint */
	uint32_t parties;
	uint32_t arrived; /* to this round */
	uint32_t broken;  /* 1: a participant died, and nobody has reset it */
	uint32_t rounds;  /* that ended, by all having come or by a reset; modulo 2^32 */
	uint64_t repairs;
	uint64_t tag;
};

/* sluice_barrier_open(), sluice_barrier_close() - as their queue counterparts. Closing a handle is not
 * a death. SLUICE_EINVAL: a new barrier, and parties is 0. */
SLUICE_API int sluice_barrier_open(const char *name, const struct sluice_barrier_options *options,
				   sluice_barrier **ret_barrier) SLUICE_CHECKED;
SLUICE_API void sluice_barrier_close(sluice_barrier *barrier);

/**
 * sluice_barrier_wait() - come, and wait until as many as there are parties have come
 * Each call is one arrival; several threads may come through one handle. Then the next round begins. A
 * party that came and died before the last one came counts, unless its death was seen by then.
 * Conditions: SLUICE_LAST (all have come, and the caller was the last one) SLUICE_EPEERDIED (a process
 * that was attached died; so it is for all, until somebody resets it) SLUICE_EAGAIN (others have not
 * come) SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Return: 0, SLUICE_LAST, or negative (the caller has not come).
 */
SLUICE_API int sluice_barrier_wait(sluice_barrier *barrier, int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_barrier_reset() - after SLUICE_EPEERDIED: begin anew, for everybody. Does nothing when no
 * participant has died, so each of those who were told may call it. */
SLUICE_API int sluice_barrier_reset(sluice_barrier *barrier);

SLUICE_API int sluice_barrier_hold_fd(sluice_barrier *barrier) SLUICE_CHECKED;
SLUICE_API int sluice_barrier_share(sluice_barrier *barrier, int ret_fds[3]) SLUICE_CHECKED;
SLUICE_API int sluice_barrier_interrupt(sluice_barrier *barrier);
SLUICE_API int sluice_barrier_info(sluice_barrier *barrier, struct sluice_barrier_info *ret_info);

/* ------------------------------------------------------------------------------------------- */
/* Condition: wait, outside a mutex, until somebody says that something changed                  */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_condition sluice_condition;

struct sluice_condition_options {
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

struct sluice_condition_info {
	uint32_t size; /* in: sizeof(struct sluice_condition_info) */
	uint32_t participants;
	uint32_t attached;
	uint32_t waiting; /* asleep in wait; a hint */
	uint64_t repairs;
	uint64_t tag;
};

/* sluice_condition_open(), sluice_condition_close() - as their queue counterparts. */
SLUICE_API int sluice_condition_open(const char *name,
				     const struct sluice_condition_options *options,
				     sluice_condition **ret_condition) SLUICE_CHECKED;
SLUICE_API void sluice_condition_close(sluice_condition *condition);

/**
 * sluice_condition_wait() - give up @mutex, wait for a signal, own it again
 * @mutex: which this thread owns; all who use the condition use the same one with it
 * May return for nothing: look at what is waited for again. Nobody who is killed, waiting or
 * signalling, keeps others waiting; a signal that the dead took along comes a slice later.
 * Conditions: SLUICE_RECOVERED (the mutex came back from a dead owner, see sluice_mutex_lock())
 * SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.  Failures: SLUICE_EPERM (this thread does not own
 * the mutex; it did not wait).
 * Return: 0, SLUICE_RECOVERED, or negative. The mutex is owned again in any case, unless it was
 * removed or damaged; so unlock it.
 */
SLUICE_API int sluice_condition_wait(sluice_condition *condition, sluice_mutex *mutex,
				     int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_condition_signal()    - one waiter, if there is any, goes on.
 * sluice_condition_broadcast() - all of them do. With or without the mutex, but after what is waited
 * for was changed under it. */
SLUICE_API int sluice_condition_signal(sluice_condition *condition);
SLUICE_API int sluice_condition_broadcast(sluice_condition *condition);

SLUICE_API int sluice_condition_share(sluice_condition *condition, int ret_fds[3]) SLUICE_CHECKED;
SLUICE_API int sluice_condition_interrupt(sluice_condition *condition);
SLUICE_API int sluice_condition_info(sluice_condition *condition,
				     struct sluice_condition_info *ret_info);

/* ------------------------------------------------------------------------------------------- */
/* File lock: on a whole file or a part, respected by programs that know nothing of Sluice       */
/* ------------------------------------------------------------------------------------------- */

typedef struct sluice_file_lock sluice_file_lock;

#define SLUICE_SHARED 1u
#define SLUICE_EXCLUSIVE 2u

/* options.flags of a file lock: the lock of flock(2) as well, whole files only. The locks of fcntl(2)
 * and those of flock(2) do not see each other; without this, flock(1) is not kept out. */
#define SLUICE_FLOCK 0x100u

struct sluice_file_lock_options {
	uint32_t size;
	uint32_t flags; /* SLUICE_MUST_CREATE, SLUICE_MUST_EXIST, SLUICE_FLOCK */
	uint32_t role;  /* zero, as is what follows without a comment */
	uint32_t mode;  /* permissions of a new file, default 0600, less the umask */
	uint32_t participants;
	uint32_t group;
	uint64_t tag;
	int64_t open_timeout_ns;
	int64_t spin_ns;
	int64_t slice_ns;
	char *diagnostic; /* where open says what went wrong; NULL: nowhere */
	uint32_t diagnostic_size;
	uint32_t reserved;
};

struct sluice_file_lock_holder {
	uint32_t size;  /* in: sizeof(struct sluice_file_lock_holder) */
	uint32_t mode;  /* SLUICE_SHARED or SLUICE_EXCLUSIVE */
	int64_t start;  /* of what it has locked */
	int64_t length; /* 0: to the end */
	uint32_t pid;   /* 0: the kernel does not tell (the lock of a file description) */
	uint32_t reserved;
};

/**
 * sluice_file_lock_open() - be ready to lock a file
 * @path:    a file, made if there is none, or "fd:N". It is opened anew, for reading only where it
 *           cannot be written; its content is not touched.
 * @options: NULL for the defaults
 * Conditions: SLUICE_ENOENT SLUICE_EEXIST.  Failures: SLUICE_EACCES SLUICE_ENOTDIR SLUICE_ENOMEM
 * SLUICE_EMFILE SLUICE_ENFILE SLUICE_ENOSPC SLUICE_ENAMETOOLONG SLUICE_E2BIG SLUICE_EROFS
 * SLUICE_EOPNOTSUPP (a file system without locks).  Return: 0, or negative.
 */
SLUICE_API int sluice_file_lock_open(const char *path,
				     const struct sluice_file_lock_options *options,
				     sluice_file_lock **ret_lock) SLUICE_CHECKED;

/* sluice_file_lock_close() - release all and close; takes NULL. */
SLUICE_API void sluice_file_lock_close(sluice_file_lock *lock);

/**
 * sluice_file_lock_acquire() - lock bytes, or change the mode of a lock
 * @mode:   SLUICE_SHARED or SLUICE_EXCLUSIVE
 * @start, @length: which; @length 0: to the end, however long the file will be
 * The locks belong to the handle: threads that are to exclude each other have one each, and closing
 * the same file elsewhere in the program does not release them. A fork child has its parent's as
 * long as it lives. A range that the handle has already is converted in one step; when that fails it
 * is as it was. Two that share and both want to be exclusive wait for each other: use a timeout.
 * When the handle held nothing, the file that has the path now is the one that is locked.
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR.
 * Failures: SLUICE_EACCES (exclusive, and the file cannot be written; a directory never can)
 * SLUICE_EINVAL (a bad mode, a negative number, a part with SLUICE_FLOCK) SLUICE_EOVERFLOW (a range
 * beyond the last byte there can be) SLUICE_EOPNOTSUPP (no more locks; a change of mode with
 * SLUICE_FLOCK).  Return: 0, or negative (nothing changed).
 */
SLUICE_API int sluice_file_lock_acquire(sluice_file_lock *lock, uint32_t mode, int64_t start,
					int64_t length, int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_file_lock_release() - unlock bytes; 0, 0: all. What was not locked stays unlocked. */
SLUICE_API int sluice_file_lock_release(sluice_file_lock *lock, int64_t start, int64_t length);

/* sluice_file_lock_holder() - whose lock is in the way of this one? The first that the kernel
 * finds, locks of flock(2) not included. Set ret_holder->size first. Return: 1, 0 (nobody's), or
 * negative. */
SLUICE_API int sluice_file_lock_holder(sluice_file_lock *lock, uint32_t mode, int64_t start,
				       int64_t length,
				       struct sluice_file_lock_holder *ret_holder) SLUICE_CHECKED;

/* sluice_file_lock_hold_fd() - the descriptor whose description has the locks: a child that is given
 * a duplicate holds on to them. Belongs to the handle. */
SLUICE_API int sluice_file_lock_hold_fd(sluice_file_lock *lock) SLUICE_CHECKED;

/* ------------------------------------------------------------------------------------------- */
/* Stream: bytes in order, as through a pipe                                                   */
/* ------------------------------------------------------------------------------------------- */

/*
 * Reading gives what is there; 0 is the end: all writers are gone, whether they closed, exited or
 * were killed, and everything they wrote has been read. Before a first writer came there is no
 * end. Writing waits until all is written, and fails with SLUICE_EPIPE, never a signal, when all
 * readers are gone; before a first reader came the bytes wait for it.
 *
 * Any number of writers and readers. A write of up to @atomic bytes goes in whole, all at once; a
 * longer one may be interleaved with those of others, in parts of at least @atomic bytes. Each
 * byte goes to one reader. A handle with both roles is a writer like any other: while it is open,
 * and has not been finished, its reader does not see the end.
 *
 * A name's bytes go with its last participant, as those of a FIFO, unless it was created with
 * SLUICE_PERSIST.
 */
typedef struct sluice_stream sluice_stream;

struct sluice_stream_options {
	uint32_t size;         /* sizeof(struct sluice_stream_options) */
	uint32_t flags;        /* SLUICE_MUST_CREATE ... SLUICE_PERSIST SLUICE_SECOND_END */
	uint32_t role;         /* SLUICE_READ, SLUICE_WRITE, 0 for both */
	uint32_t mode;         /* permissions of a new object, default 0600; umask does not apply */
	uint32_t participants; /* places, 1 to 1024, default 128 */
	uint32_t group;        /* group of a new object; 0: the file system's choice */
	uint64_t tag;          /* 64-bit mark of what the bytes mean; 0: any */
	int64_t open_timeout_ns; /* default 5 s: for a place, or a stopped peer that is attaching */
	int64_t spin_ns;         /* longest spin before sleeping; 1: never spin; default adaptive */
	int64_t slice_ns; /* longest sleep between two looks at the peers, 10 ms to 5 s; 250 ms */
	char *diagnostic; /* where open says what went wrong; NULL: nowhere */
	uint32_t diagnostic_size; /* bytes there */
	uint32_t reserved;        /* zero */
	uint64_t
		capacity; /* bytes it holds, rounded up to a power of two from 64 KiB on; default 1 MiB */
	uint64_t atomic; /* longest write that nothing comes between, at most half of capacity;
			      default 4096 */
	int64_t peer_timeout_ns; /* a peer machine that does not answer for so long is dead; tcp */
	const uint32_t *allowed_uids; /* whose processes may be the peer; NULL: anybody's; unix */
	const uint32_t *allowed_gids; /* likewise, by group; one of either list will do */
	uint32_t allowed_uids_count;
	uint32_t allowed_gids_count;
};

struct sluice_stream_info {
	uint32_t size;         /* in: sizeof(struct sluice_stream_info) */
	uint32_t participants; /* places */
	uint32_t attached;     /* places taken */
	uint32_t writers;      /* of those, that may write */
	uint32_t readers;      /* of those, that may read */
	uint32_t waiting;      /* of those, asleep in a call; a hint */
	uint32_t writing;      /* pid of who holds the writing end (reserve); a hint; 0: nobody */
	uint32_t reading;      /* pid of who holds the reading end (peek); a hint; 0: nobody */
	uint64_t capacity;     /* bytes it holds */
	uint64_t atomic;       /* longest write that nothing comes between */
	uint64_t readable; /* bytes written and not read; of a two-way stream: to be read here */
	uint64_t unread;   /* the same; of a two-way stream: written here, not read there */
	uint64_t written;  /* bytes written since creation; of a two-way stream: from here */
	uint64_t read;     /* bytes read since creation; of a two-way stream: here */
	uint64_t repairs;  /* participants found dead and repaired after */
	uint64_t tag;
};

/**
 * sluice_stream_open() - create a stream or join it
 * @address:    a name, a path with a slash, "fd:N[,IN,OUT]", or NULL for this process and its
 *              children
 * @options:    NULL for the defaults
 * @ret_stream: the handle; give it back with sluice_stream_close()
 * Does not wait for the other end.
 * Conditions: SLUICE_EEXIST SLUICE_ENOENT SLUICE_EMISMATCH SLUICE_EUSERS SLUICE_ETIMEDOUT.
 * Failures: SLUICE_EACCES SLUICE_ENOSPC SLUICE_ENOMEM SLUICE_EMFILE SLUICE_ENFILE SLUICE_EROFS
 * SLUICE_ENOTDIR SLUICE_ENAMETOOLONG SLUICE_EVERSION SLUICE_E2BIG SLUICE_EOPNOTSUPP SLUICE_ENOSYS
 * SLUICE_EIO.  Return: 0, or negative.
 */
SLUICE_API int sluice_stream_open(const char *address, const struct sluice_stream_options *options,
				  sluice_stream **ret_stream) SLUICE_CHECKED;

/**
 * sluice_stream_pair() - both ends of a stream without a name, as pipe(2)
 * Each is a participant of its own; a child that is forked has both as well, so that each side
 * closes the one it does not use. With SLUICE_PRIVATE: between threads.
 * Failures: SLUICE_ENOMEM SLUICE_EMFILE SLUICE_ENFILE SLUICE_E2BIG SLUICE_EOPNOTSUPP SLUICE_ENOSYS
 * SLUICE_EIO.  Return: 0, or negative.
 */
SLUICE_API int sluice_stream_pair(const struct sluice_stream_options *options,
				  sluice_stream **ret_reader,
				  sluice_stream **ret_writer) SLUICE_CHECKED;

/**
 * sluice_stream_duplex() - the two ends of a two-way stream without a name, as socketpair(2)
 * What is written to one is read from the other; each way has the capacity asked for.
 * Failures: as sluice_stream_pair().
 * Return: 0, or negative.
 */
SLUICE_API int sluice_stream_duplex(const struct sluice_stream_options *options,
				    sluice_stream **ret_a, sluice_stream **ret_b) SLUICE_CHECKED;

/* sluice_stream_close() - leave; takes NULL, never waits for another process. What was peeked at
 * and not consumed stays, what was reserved and not committed is gone. No other thread may be
 * inside a call on the handle (sluice_stream_interrupt() brings them out). */
SLUICE_API void sluice_stream_close(sluice_stream *stream);

/**
 * sluice_stream_read() - take bytes, as many as are there
 * @buffer, @capacity: where they go; at least one byte
 * @timeout_ns:        how long to wait for the first byte
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EPERM (opened to write only) SLUICE_EBUSY (this handle has peeked).
 * Return: bytes, 0 at the end, or negative (nothing was taken).
 */
SLUICE_API int64_t sluice_stream_read(sluice_stream *stream, void *buffer, size_t capacity,
				      int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_stream_write() - append bytes, all of them
 * @data, @size: what to write
 * @timeout_ns:  how long to wait for room
 * A write of up to @atomic bytes (see the options) is done in whole or not at all. A longer one
 * that was ended by its timeout, a signal, an interrupt or the death of the last reader after a
 * part returns the length of that part; the next call says why.
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED SLUICE_EPIPE.
 * Failures: SLUICE_EPERM (opened to read only) SLUICE_EBUSY (this handle has reserved).
 * Return: bytes written, or negative (nothing was).
 */
SLUICE_API int64_t sluice_stream_write(sluice_stream *stream, const void *data, size_t size,
				       int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_stream_readv(), sluice_stream_writev() - the same from and to several buffers in turn; at
 * most 1024. */
SLUICE_API int64_t sluice_stream_readv(sluice_stream *stream, const struct iovec *parts,
				       size_t count, int64_t timeout_ns) SLUICE_CHECKED;
SLUICE_API int64_t sluice_stream_writev(sluice_stream *stream, const struct iovec *parts,
					size_t count, int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_stream_peek() - look at bytes in place
 * @minimum:  wait for so many, at most capacity; 0 counts as 1
 * @ret_data: the bytes, one span however the ring turns; readable until sluice_stream_consume()
 * This handle holds the reading end until then: its own reads fail with SLUICE_EBUSY, those of
 * others wait. If the process dies first, the bytes stay. A hostile peer can change them under the
 * reader: copy before you validate.
 * Conditions: as sluice_stream_read().  Failures: as sluice_stream_read(); SLUICE_EOPNOTSUPP (not
 * with this kind of address).
 * Return: bytes there, fewer than @minimum only at the end; 0 at the end (nothing is held); or
 * negative.
 */
SLUICE_API int64_t sluice_stream_peek(sluice_stream *stream, size_t minimum, const void **ret_data,
				      int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_stream_consume() - the first @size of the bytes peeked at are done with, the rest stays;
 * lets go of the reading end. SLUICE_EINVAL: nothing was peeked at, or fewer. */
SLUICE_API int sluice_stream_consume(sluice_stream *stream, size_t size) SLUICE_CHECKED;

/**
 * sluice_stream_reserve() - room to write in place
 * @minimum:  wait for so many bytes, at most capacity; 0 counts as 1
 * @ret_data: the room, one span however the ring turns; writable until sluice_stream_commit()
 * This handle holds the writing end until then: its own writes fail with SLUICE_EBUSY, those of
 * others wait. If the process dies first, nothing was written.
 * Conditions: as sluice_stream_write().  Failures: as sluice_stream_write(); SLUICE_EOPNOTSUPP (not
 * with this kind of address).
 * Return: bytes of room, or negative.
 */
SLUICE_API int64_t sluice_stream_reserve(sluice_stream *stream, size_t minimum, void **ret_data,
					 int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_stream_commit() - the first @size bytes of the room are written, at once; 0: none. Lets go
 * of the writing end. SLUICE_EINVAL: nothing was reserved, or less. */
SLUICE_API int sluice_stream_commit(sluice_stream *stream, size_t size) SLUICE_CHECKED;

/* sluice_stream_finish() - this handle writes no more: its later writes fail with SLUICE_EPIPE, and
 * if it was the last writer, readers see the end once they have read everything. What it has
 * reserved is gone. SLUICE_EPERM: opened to read only. */
SLUICE_API int sluice_stream_finish(sluice_stream *stream);

/**
 * sluice_stream_fd() - a descriptor for poll, select, epoll
 * @events: SLUICE_READABLE (bytes, or the end) or SLUICE_WRITABLE (room for @atomic bytes, or
 *          nobody left to read); one descriptor each
 * Ready (POLLIN, for both events) when a call with SLUICE_NOWAIT might do something.
 * Level-triggered; may be ready for nothing: follow it with SLUICE_NOWAIT calls until
 * SLUICE_EAGAIN, which makes it not ready again. Belongs to the handle: do not read or close it.
 * Failures: SLUICE_EPERM (not in this handle's role) SLUICE_EMFILE SLUICE_ENFILE SLUICE_ENOSPC.
 * Return: the descriptor, or negative.
 */
SLUICE_API int sluice_stream_fd(sluice_stream *stream, uint32_t events) SLUICE_CHECKED;

/* sluice_stream_hold_fd() - the descriptor that keeps this participant alive. A child that is given
 * a duplicate of it holds on to the place, so readers see no end and writers no SLUICE_EPIPE, when
 * this process dies. Belongs to the handle. SLUICE_EOPNOTSUPP for a private object; so does
 * sluice_stream_share(). */
SLUICE_API int sluice_stream_hold_fd(sluice_stream *stream) SLUICE_CHECKED;

/* sluice_stream_share() - descriptors that let another process join with "fd:N[,IN,OUT]", passed
 * over a socket or through exec. Returns how many; they belong to the handle (duplicate to keep). */
SLUICE_API int sluice_stream_share(sluice_stream *stream, int ret_fds[3]) SLUICE_CHECKED;

/* sluice_stream_interrupt() - blocked calls of other threads on this handle return
 * SLUICE_ECANCELED, or the part they did; before Linux 5.16 those blocked on a lock may do so a slice
 * later. Calls made later are not affected. */
SLUICE_API int sluice_stream_interrupt(sluice_stream *stream);

/* sluice_stream_info() - counters and geometry; set ret_info->size first. */
SLUICE_API int sluice_stream_info(sluice_stream *stream, struct sluice_stream_info *ret_info);

/* ------------------------------------------------------------------------------------------- */
/* What the kernel carries: listeners, peers, descriptors                                      */
/* ------------------------------------------------------------------------------------------- */

/*
 * A stream's address may also be "fifo:PATH", "unix:PATH", "unix:@NAME", "tcp:HOST:PORT",
 * "tcp:[V6]:PORT", or "fd:N" of a pipe or a stream socket; see sluice_address(7). The calls are the
 * same, with these differences. Peek, reserve and share give SLUICE_EOPNOTSUPP. The open of a FIFO
 * waits for the other end (for ever, unless open_timeout_ns says how long), that of a socket for
 * the connection. Over tcp, reading and writing can fail with SLUICE_ECONNRESET: the connection was
 * reset, or the other machine was silent for peer_timeout_ns (30 s) while it owed an answer. Small
 * writes are atomic through pipes only. Opening can also fail with SLUICE_ECONNREFUSED (nobody
 * listens) and SLUICE_EHOSTUNREACH. info tells 0 participants. Names of hosts are asked for with getaddrinfo(3), which
 * heeds no timeout.
 */

/* Who is at the other end of a socket. */
struct sluice_peer {
	uint32_t size;  /* in: sizeof(struct sluice_peer) */
	uint32_t flags; /* SLUICE_PEER_CREDENTIALS: pid, uid and gid are the kernel's word */
	uint32_t pid;   /* as of connect and listen, like uid and gid; a socket can be passed on */
	uint32_t uid;
	uint32_t gid;
	uint32_t reserved;
	char address[256]; /* "tcp:192.0.2.1:4000", "unix:" when it has none */
};
#define SLUICE_PEER_CREDENTIALS 0x1u

/* Descriptors that come with bytes. lost: came and were closed, because @fds had no room for them or
 * this process had no descriptor left (then at least as many). */
struct sluice_fds {
	int *fds;          /* in: where they go; yours to close */
	uint32_t capacity; /* in: room there */
	uint32_t count;    /* out: stored */
	uint32_t lost;     /* out */
	uint32_t reserved;
};
#define SLUICE_FDS_MAX 253 /* in one call, the kernel's limit */

/* sluice_stream_peer() - who is at the other end of a unix: or tcp: stream. SLUICE_EOPNOTSUPP: it is
 * no socket. SLUICE_ENOTCONN: the other end was never there, or the connection is gone. */
SLUICE_API int sluice_stream_peer(sluice_stream *stream,
				  struct sluice_peer *ret_peer) SLUICE_CHECKED;

/**
 * sluice_stream_send_fds() - write bytes and pass descriptors along; unix: only
 * @data, @size: at least one byte; the descriptors travel with the first
 * @fds, @count: 1 to SLUICE_FDS_MAX; they stay open here
 * Conditions: as sluice_stream_write().  Failures: SLUICE_EOPNOTSUPP (it is no Unix socket)
 * SLUICE_EBADF (one of them is no descriptor) SLUICE_EBUSY (too many are under way).
 * Return: bytes written, at least 1 and then all descriptors are on their way; or negative.
 */
SLUICE_API int64_t sluice_stream_send_fds(sluice_stream *stream, const void *data, size_t size,
					  const int *fds, size_t count,
					  int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_stream_receive_fds() - read, and take the descriptors that come with the bytes
 * One call takes the descriptors of one sending. A plain read drops them.
 * Conditions: as sluice_stream_read().  Failures: as sluice_stream_read(); SLUICE_EOPNOTSUPP.
 * Return: bytes, 0 at the end, or negative; @fds tells what came.
 */
SLUICE_API int64_t sluice_stream_receive_fds(sluice_stream *stream, void *buffer, size_t capacity,
					     struct sluice_fds *fds,
					     int64_t timeout_ns) SLUICE_CHECKED;

typedef struct sluice_listener sluice_listener;

struct sluice_listener_options {
	uint32_t size;           /* sizeof(struct sluice_listener_options) */
	uint32_t flags;          /* zero */
	uint32_t role;           /* zero */
	uint32_t mode;           /* permissions of a socket's file, default 0600 */
	uint32_t participants;   /* zero */
	uint32_t group;          /* group of a socket's file; 0: the file system's choice */
	uint64_t tag;            /* zero */
	int64_t open_timeout_ns; /* default 5 s: for a lock on the directory of the socket's file */
	int64_t spin_ns;         /* zero */
	int64_t slice_ns;        /* zero */
	char *diagnostic;
	uint32_t diagnostic_size;
	uint32_t reserved;
	uint64_t capacity;            /* about so many bytes of buffer for each connection */
	int64_t peer_timeout_ns;      /* of accepted tcp streams; default 30 s */
	const uint32_t *allowed_uids; /* whose processes may connect; NULL: anybody's; unix */
	const uint32_t *allowed_gids; /* likewise, by group; one of either list will do */
	uint32_t allowed_uids_count;
	uint32_t allowed_gids_count;
	uint32_t backlog; /* connections that wait to be accepted; default 128 */
	uint32_t reserved_2;
};

struct sluice_listener_info {
	uint32_t size;     /* in: sizeof(struct sluice_listener_info) */
	uint32_t refused;  /* connections dropped because the peer was not allowed */
	uint64_t accepted; /* connections given out */
	char address[256]; /* with the port that the kernel chose, if it was 0 */
};

/**
 * sluice_listener_open() - be the one that others connect to
 * @address: "unix:PATH", "unix:@NAME", "unix-seqpacket:PATH", "tcp:HOST:PORT" ("*" for any host, 0
 *           for a port of the kernel's choice)
 * The file that a dead server left is taken over; a living server's is not.
 * Conditions: SLUICE_EADDRINUSE (a living server has it) SLUICE_EMISMATCH (the path is no socket)
 * SLUICE_ETIMEDOUT.  Failures: SLUICE_EADDRNOTAVAIL SLUICE_ENOENT (no such host or directory)
 * SLUICE_EHOSTUNREACH SLUICE_EACCES SLUICE_ENAMETOOLONG SLUICE_EOPNOTSUPP SLUICE_E2BIG
 * SLUICE_ENOMEM SLUICE_EMFILE SLUICE_ENFILE SLUICE_EROFS SLUICE_ENOTDIR SLUICE_ENOSPC SLUICE_EIO.
 * Return: 0, or negative.
 */
SLUICE_API int sluice_listener_open(const char *address,
				    const struct sluice_listener_options *options,
				    sluice_listener **ret_listener) SLUICE_CHECKED;

/* sluice_listener_close() - listen no more, and remove the socket's file if this process made it;
 * takes NULL. Accepted streams live on. */
SLUICE_API void sluice_listener_close(sluice_listener *listener);

/**
 * sluice_listener_accept() - the next connection, as a stream
 * Peers that are not allowed are dropped, and the wait goes on.
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED.
 * Failures: SLUICE_EOPNOTSUPP (its connections carry datagrams) SLUICE_ENOMEM SLUICE_EMFILE
 * SLUICE_ENFILE.
 * Return: 0, or negative.
 */
SLUICE_API int sluice_listener_accept(sluice_listener *listener, sluice_stream **ret_stream,
				      int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_listener_fd() - for poll, select, epoll: ready when somebody waits to be accepted.
 * Level-triggered; follow it with SLUICE_NOWAIT. Belongs to the listener. */
SLUICE_API int sluice_listener_fd(sluice_listener *listener) SLUICE_CHECKED;
SLUICE_API int sluice_listener_interrupt(sluice_listener *listener);
SLUICE_API int sluice_listener_info(sluice_listener *listener,
				    struct sluice_listener_info *ret_info);

/* ------------------------------------------------------------------------------------------- */
/* Datagram: messages by socket, on this machine or to others                                  */
/* ------------------------------------------------------------------------------------------- */

/*
 * udp: loses datagrams, doubles them and changes their order, as networks do. unix: does none of
 * that: when the receiver has no room, the sender waits. unix-seqpacket: likewise, through a
 * connection, with an end.
 */
typedef struct sluice_datagram sluice_datagram;

/* A socket's address. Two are equal if their bytes are. */
struct sluice_address {
	uint32_t length; /* bytes used of it; 0: none */
	uint32_t reserved;
	unsigned char bytes[128];
};

struct sluice_datagram_options {
	uint32_t size;           /* sizeof(struct sluice_datagram_options) */
	uint32_t flags;          /* zero */
	uint32_t role;           /* SLUICE_SEND, SLUICE_RECEIVE, 0 for both */
	uint32_t mode;           /* permissions of a socket's file, default 0600 */
	uint32_t participants;   /* zero */
	uint32_t group;          /* group of a socket's file; 0: the file system's choice */
	uint64_t tag;            /* zero */
	int64_t open_timeout_ns; /* default 5 s: for a connection, or a lock on the directory */
	int64_t spin_ns;         /* zero */
	int64_t slice_ns;        /* zero */
	char *diagnostic;
	uint32_t diagnostic_size;
	uint32_t reserved;
	uint64_t capacity;  /* about so many bytes of buffer each way; 0: the kernel's choice */
	const char *peer;   /* whom to talk to, and from whom to receive; NULL: anybody */
	uint32_t interface; /* udp multicast: index of the network interface; 0: the route's */
	uint32_t reserved_2;
	const uint32_t *allowed_uids; /* whose messages are taken; NULL: anybody's; unix */
	const uint32_t *allowed_gids; /* likewise, by group; one of either list will do */
	uint32_t allowed_uids_count;
	uint32_t allowed_gids_count;
};

struct sluice_datagram_item {
	void *data;      /* send: the message; receive: where it goes */
	size_t capacity; /* send: its bytes; receive: room */
	size_t length;   /* receive, out: its bytes; more than capacity: the rest was dropped */
	struct sluice_address address; /* send: to whom, length 0: the peer; receive, out: from */
};

struct sluice_datagram_info {
	uint32_t size;     /* in: sizeof(struct sluice_datagram_info) */
	uint32_t dropped;  /* udp: datagrams that found this socket's buffer full, of those known */
	uint64_t sent;     /* through this handle */
	uint64_t received; /* likewise */
	char address[256]; /* its own, with the port or name that the kernel chose */
	char peer[256];    /* the peer's; empty: none */
	uint64_t refused;  /* messages thrown away because the sender was not allowed */
};

/**
 * sluice_datagram_open() - a socket for datagrams
 * @address: where to receive: "unix:PATH", "unix:@NAME", "unix:@" (a name of the kernel's choice),
 *           "udp:HOST:PORT" ("*" for any, port 0 for one of the kernel's choice; a multicast group
 *           is joined); NULL: nowhere of a name, then options->peer is needed
 * options->peer may also be "unix-seqpacket:PATH", a connection to a listener, with @address NULL.
 * Messages by unix: whose sender is not in options->allowed_uids or allowed_gids, if there are any,
 * are thrown away by the calls that receive, and counted; their senders are not told. What counts, by
 * the kernel's word, is the sender's real user and group, or its effective or saved one if it says so;
 * with CAP_SETUID (CAP_SETGID) in its user namespace any that is mapped there. Ids that are not mapped
 * here show as 65534. After a failure the contents of the buffer are undefined: a stranger's message
 * may have been there. By unix-seqpacket: it is the server that has to be allowed, as for
 * sluice_stream_open() (SLUICE_EACCES).
 * Conditions: SLUICE_EADDRINUSE SLUICE_EMISMATCH SLUICE_ECONNREFUSED SLUICE_ENOENT SLUICE_ETIMEDOUT.
 * Failures: SLUICE_EADDRNOTAVAIL SLUICE_EHOSTUNREACH SLUICE_EACCES SLUICE_ENAMETOOLONG
 * SLUICE_EOPNOTSUPP SLUICE_E2BIG SLUICE_ENOMEM SLUICE_EMFILE SLUICE_ENFILE SLUICE_EROFS
 * SLUICE_ENOTDIR SLUICE_ENOSPC SLUICE_EIO.  Return: 0, or negative.
 */
SLUICE_API int sluice_datagram_open(const char *address,
				    const struct sluice_datagram_options *options,
				    sluice_datagram **ret_datagram) SLUICE_CHECKED;

/* sluice_datagram_accept() - the next connection of a unix-seqpacket: listener; otherwise as
 * sluice_listener_accept(). */
SLUICE_API int sluice_datagram_accept(sluice_listener *listener, sluice_datagram **ret_datagram,
				      int64_t timeout_ns) SLUICE_CHECKED;

SLUICE_API void sluice_datagram_close(sluice_datagram *datagram);

/* sluice_datagram_resolve() - an address as text, such as "udp:192.0.2.1:4000", to send to; may ask
 * a name server. SLUICE_ENOENT (no such host) SLUICE_EHOSTUNREACH SLUICE_EOPNOTSUPP (not of this
 * socket's scheme) SLUICE_ENAMETOOLONG.
 * sluice_datagram_text() - the same back. Return: its length, or negative (SLUICE_ENAMETOOLONG when
 * it does not fit). */
SLUICE_API int sluice_datagram_resolve(sluice_datagram *datagram, const char *text,
				       struct sluice_address *ret_address) SLUICE_CHECKED;
SLUICE_API int sluice_datagram_text(sluice_datagram *datagram, const struct sluice_address *address,
				    char *buffer, size_t capacity) SLUICE_CHECKED;

/**
 * sluice_datagram_send() - send one message
 * @to:          to whom; NULL: the peer
 * @data, @size: the message; it arrives whole or not at all
 * @timeout_ns:  how long to wait for room (unix: at the receiver's; udp: in this machine)
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED SLUICE_ECONNREFUSED
 * (nobody receives there; udp: an earlier one was sent back) SLUICE_ENOENT (no such socket)
 * SLUICE_EPIPE (unix-seqpacket: the peer is gone).
 * Failures: SLUICE_EMSGSIZE (longer than this kind of socket takes) SLUICE_ENOTCONN (no @to and no
 * peer) SLUICE_EPERM (opened to receive only) SLUICE_EACCES SLUICE_EHOSTUNREACH
 * SLUICE_EADDRNOTAVAIL SLUICE_ENOMEM.
 * Return: 0, or negative (nothing was sent).
 */
SLUICE_API int sluice_datagram_send(sluice_datagram *datagram, const struct sluice_address *to,
				    const void *data, size_t size,
				    int64_t timeout_ns) SLUICE_CHECKED;

/**
 * sluice_datagram_receive() - take one message
 * @buffer, @capacity: where it goes; a longer one stays (SLUICE_EMSGSIZE, *@ret_length tells)
 * @ret_from:   NULL, or the sender's address; length 0 if it has none
 * @ret_length: NULL, or the message's bytes, also with SLUICE_EMSGSIZE
 * Conditions: SLUICE_EAGAIN SLUICE_ETIMEDOUT SLUICE_EINTR SLUICE_ECANCELED SLUICE_EMSGSIZE
 * SLUICE_ECONNREFUSED (udp with a peer: what was sent there was sent back) SLUICE_ENOSENDER
 * (unix-seqpacket: the peer is gone, and all was received).
 * Failures: SLUICE_EPERM (opened to send only).
 * Return: bytes of the message, which may be 0, or negative (nothing was taken).
 */
SLUICE_API int64_t sluice_datagram_receive(sluice_datagram *datagram, void *buffer, size_t capacity,
					   struct sluice_address *ret_from, size_t *ret_length,
					   int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_datagram_send_many(), sluice_datagram_receive_many() - batches, in few system calls. They
 * wait for the first as the single calls do, and go on as far as they need not wait. A received
 * message that is longer than its item's room is cut there, and its length says so.
 * Conditions and failures: as sluice_datagram_send() and sluice_datagram_receive().
 * Return: messages done, at least 1 (0 when @count is 0), or negative (none was). */
SLUICE_API int64_t sluice_datagram_send_many(sluice_datagram *datagram,
					     const struct sluice_datagram_item *items, size_t count,
					     int64_t timeout_ns) SLUICE_CHECKED;
SLUICE_API int64_t sluice_datagram_receive_many(sluice_datagram *datagram,
						struct sluice_datagram_item *items, size_t count,
						int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_datagram_send_fds(), sluice_datagram_receive_fds() - one message with descriptors; unix:
 * and unix-seqpacket: only (SLUICE_EOPNOTSUPP). Otherwise as sluice_datagram_send(),
 * sluice_datagram_receive() and sluice_stream_send_fds(). */
SLUICE_API int sluice_datagram_send_fds(sluice_datagram *datagram, const struct sluice_address *to,
					const void *data, size_t size, const int *fds, size_t count,
					int64_t timeout_ns) SLUICE_CHECKED;
SLUICE_API int64_t sluice_datagram_receive_fds(sluice_datagram *datagram, void *buffer,
					       size_t capacity, struct sluice_address *ret_from,
					       struct sluice_fds *fds,
					       int64_t timeout_ns) SLUICE_CHECKED;

/* sluice_datagram_fd() - for poll, select, epoll; @events SLUICE_READABLE or SLUICE_WRITABLE. Ready
 * (POLLIN, for both) when a call with SLUICE_NOWAIT might do something. Level-triggered; may be ready
 * for nothing. Belongs to the handle. */
SLUICE_API int sluice_datagram_fd(sluice_datagram *datagram, uint32_t events) SLUICE_CHECKED;
SLUICE_API int sluice_datagram_interrupt(sluice_datagram *datagram);
SLUICE_API int sluice_datagram_info(sluice_datagram *datagram,
				    struct sluice_datagram_info *ret_info);

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
	uint64_t depth; /* messages kept, rounded up to a power of two, 2 to 1048576; default as
				  many as fit 1 MiB, 16 at least, 1024 at most */
	uint64_t message_max; /* longest message in bytes, 1 to 1 GiB; default 64 KiB. With 96 or
				  less there is no pool */
	uint64_t capacity;    /* most bytes that the object may take; 0: what the rest adds up to */
	uint32_t subscribers; /* most at once, 1 to 512; default 8 */
	uint32_t publishers;  /* most at once, 1 to 512; default 4 */
	uint32_t loans;       /* messages a publisher may have reserved, 1 to 15; default 1 */
	uint32_t borrows;     /* messages a subscriber may have borrowed, 1 to 15; default 1 */
	uint32_t policy;  /* publisher: the topic's, for subscribers without one; subscriber: its
				  own; default SLUICE_OVERWRITE */
	uint32_t history; /* subscriber: begin with this many messages of the past, as far as they
				  are kept; default 0 */
	int64_t evict_after_ns; /* publisher: how long it waits for a living subscriber that does not
				   move; then it evicts that one. 0: for ever */
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
 * With SLUICE_READ_ONLY, for subscribers only, the kernel guarantees that not one byte of the topic
 * changes. Nobody sees that subscriber, so it cannot be waited for; it receives (no borrow, no fd), is
 * told what it lost as any other, looks every 2 ms while it waits, and must find the topic there. Read
 * permission is enough, and whoever has no more can keep nobody waiting.
 * With SLUICE_SEALED, for publishers with name NULL, there is one publishing process: it and its fork
 * children. sluice_publisher_share() gives one descriptor, with which others, of any user, can subscribe
 * with SLUICE_READ_ONLY (without: SLUICE_EACCES), and by which nobody can change a byte.
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
	SLUICE_KIND_STREAM = 3,
	SLUICE_KIND_SEMAPHORE = 4,
	SLUICE_KIND_CONDITION = 5,
	SLUICE_KIND_RWLOCK = 6,
	SLUICE_KIND_BARRIER = 7,
	SLUICE_KIND_TOPIC = 8,
	SLUICE_KIND_MEMORY = 9
};

/* sluice_kind_name() - "queue", "mutex", ..., "unknown"; a static string. */
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
	uint32_t borrowed; /* of a queue: what it has borrowed and not given back; of a semaphore:
			      the units it holds */
	uint64_t position; /* subscriber: number of the message it wants next */
	uint64_t lag;      /* subscriber: messages published that it has not got yet */
	uint64_t lost;     /* subscriber: messages that it lost */
	uint32_t policy;   /* subscriber: SLUICE_OVERWRITE ...; 0: no subscriber */
	uint32_t evicted;  /* subscriber: 1: it is, and does not know yet */
};
#define SLUICE_DOING_NOTHING 0u      /* or running; nobody tells */
#define SLUICE_DOING_WAIT_LOCK 1u    /* asleep, waiting for a lock */
#define SLUICE_DOING_WAIT_MESSAGE 2u /* asleep, waiting for a message */
#define SLUICE_DOING_WAIT_ROOM 3u    /* asleep, waiting for room */
#define SLUICE_DOING_HOLD 4u /* holds the mutex, the rwlock, one of a memory's, or a stream's end */
#define SLUICE_DOING_WAIT_BYTES 5u   /* asleep, waiting for bytes */
#define SLUICE_DOING_WAIT_UNITS 6u   /* asleep, waiting for units of a semaphore */
#define SLUICE_DOING_WAIT_SIGNAL 7u  /* asleep, waiting for a condition to be signalled */
#define SLUICE_DOING_WAIT_BARRIER 8u /* asleep, waiting for others to come */
#define SLUICE_DOING_WAIT_RWLOCK 9u  /* asleep, waiting for readers or a writer */

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
	struct sluice_queue_info queue;         /* kind queue */
	struct sluice_mutex_info mutex;         /* kind mutex */
	char name[256];                         /* as given, or the file's name in a listing */
	struct sluice_semaphore_info semaphore; /* kind semaphore */
	struct sluice_condition_info condition; /* kind condition */
	struct sluice_stream_info stream;       /* kind stream */
	struct sluice_memory_info memory;       /* kind memory */
	struct sluice_topic_info topic;         /* kind topic */
	struct sluice_rwlock_info rwlock;       /* kind rwlock */
	struct sluice_barrier_info barrier;     /* kind barrier */
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
	SLUICE_KEPT_CONTENT = 1, /* nobody is attached, but messages, data or news of a death are */
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
