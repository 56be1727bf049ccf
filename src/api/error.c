/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* error.c - codes by name and in words; the version */
#include "options.h"

#include <sluice.h>

static const struct {
	int code;
	const char *name, *text;
} error_table[] = {
#define ERROR(code, text)                                                                          \
	{                                                                                          \
		code, #code, text                                                                  \
	}
	ERROR(SLUICE_RECOVERED, "locked; its last owner died holding it"),
	ERROR(SLUICE_LAST, "all have come, and this was the last one"),
	ERROR(SLUICE_EPERM, "not allowed: not yours, or opened for something else"),
	ERROR(SLUICE_ENOENT, "no such object"),
	ERROR(SLUICE_EINTR, "a signal ended the call"),
	ERROR(SLUICE_EIO, "the system failed in a way that has no code here"),
	ERROR(SLUICE_EBADF, "the handle is closed, or the descriptor is not ours"),
	ERROR(SLUICE_EAGAIN, "it would have to wait"),
	ERROR(SLUICE_ENOMEM, "out of memory or address space"),
	ERROR(SLUICE_EACCES, "permission denied"),
	ERROR(SLUICE_EBUSY, "in use"),
	ERROR(SLUICE_EEXIST, "it exists already"),
	ERROR(SLUICE_ENOTDIR, "not a directory"),
	ERROR(SLUICE_EINVAL, "bad argument"),
	ERROR(SLUICE_EMFILE, "this process has no descriptor left"),
	ERROR(SLUICE_ENFILE, "this system has no descriptor left"),
	ERROR(SLUICE_ENOSPC, "the file system is full"),
	ERROR(SLUICE_EROFS, "the file system is read-only"),
	ERROR(SLUICE_EPIPE, "nobody is left who could read it"),
	ERROR(SLUICE_EDEADLK, "this thread holds it already"),
	ERROR(SLUICE_EADDRINUSE, "a living server has that address"),
	ERROR(SLUICE_EADDRNOTAVAIL, "not an address of this machine"),
	ERROR(SLUICE_ECONNREFUSED, "nobody listens there"),
	ERROR(SLUICE_ECONNRESET, "the connection broke: reset, or its machine does not answer"),
	ERROR(SLUICE_EHOSTUNREACH, "there is no way to that machine"),
	ERROR(SLUICE_ENOTCONN, "no peer was given"),
	ERROR(SLUICE_ENAMETOOLONG, "the name or path is too long"),
	ERROR(SLUICE_ENOSYS, "the kernel lacks what is needed"),
	ERROR(SLUICE_E2BIG, "options of a newer version than this library"),
	ERROR(SLUICE_EMSGSIZE, "the message is too long for the queue or the buffer"),
	ERROR(SLUICE_EOPNOTSUPP, "not supported for this object, address or file system"),
	ERROR(SLUICE_EOVERFLOW, "it would pass its limit"),
	ERROR(SLUICE_ETIMEDOUT, "timed out"),
	ERROR(SLUICE_EUSERS, "every place is taken"),
	ERROR(SLUICE_ESTALE, "this handle lost its place; open it again"),
	ERROR(SLUICE_ECANCELED, "interrupted by another thread"),
	ERROR(SLUICE_ECORRUPT, "not a Sluice segment, or a damaged one; remove it"),
	ERROR(SLUICE_EVERSION, "a segment of another layout than this library knows"),
	ERROR(SLUICE_EMISMATCH, "it exists with other properties than asked for"),
	ERROR(SLUICE_EREMOVED, "somebody removed it; open it again"),
	ERROR(SLUICE_ENOSENDER, "empty, and no sender is left"),
	ERROR(SLUICE_EPEERDIED, "another party died; reset it to begin anew"),
	ERROR(SLUICE_ENOPUBLISHER, "nothing left to receive, and no publisher is left"),
	ERROR(SLUICE_EEVICTED, "publishers waited too long for this subscriber"),
#undef ERROR
};

int sli_public_code(int code)
{
	switch (-code) {
	case EISDIR:
	case ENXIO:
	case ELOOP:
	case ENODEV:
		return SLUICE_ECORRUPT; /* something else is there */
	case EDQUOT:
	case EFBIG:
		return SLUICE_ENOSPC;
	default:
		break;
	}
	for (size_t i = 0; code < 0 && i < SLI_COUNT(error_table); i++)
		if (error_table[i].code == code)
			return code;
	return code < 0 ? SLUICE_EIO : code;
}

const char *sluice_error_name(int code)
{
	for (size_t i = 0; i < SLI_COUNT(error_table); i++)
		if (error_table[i].code == code)
			return error_table[i].name;
	return code == 0 ? "0" : "SLUICE_?";
}

const char *sluice_error_text(int code)
{
	for (size_t i = 0; i < SLI_COUNT(error_table); i++)
		if (error_table[i].code == code)
			return error_table[i].text;
	return code == 0 ? "done" : "unexpected error of the system";
}

const char *sluice_kind_name(uint32_t kind)
{
	switch (kind) {
	case SLUICE_KIND_QUEUE:
		return "queue";
	case SLUICE_KIND_MUTEX:
		return "mutex";
	case SLUICE_KIND_CONDITION:
		return "condition";
	case SLUICE_KIND_BARRIER:
		return "barrier";
	case SLUICE_KIND_RWLOCK:
		return "rwlock";
	case SLUICE_KIND_SEMAPHORE:
		return "semaphore";
	case SLUICE_KIND_STREAM:
		return "stream";
	case SLUICE_KIND_TOPIC:
		return "topic";
	case SLUICE_KIND_MEMORY:
		return "memory";
	default:
		return "unknown";
	}
}

#define VERSION_TEXT(a, b, c) #a "." #b "." #c
#define VERSION_EXPAND(a, b, c) VERSION_TEXT(a, b, c)

const char *sluice_version(void)
{
	return VERSION_EXPAND(SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH);
}
