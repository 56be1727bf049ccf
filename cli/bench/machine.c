/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* machine.c - what machine this is, for whoever reads the numbers elsewhere */
#include "plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

/* The value behind the first line of @path that begins with @key, or of another such key. */
static bool value_of(const char *path, const char *key, char *value, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *text = strchr(line, ':');

		if (!text || strncmp(line, key, strlen(key)) != 0)
			continue;
		text += 1 + strspn(text + 1, " \t");
		text[strcspn(text, "\n")] = '\0';
		snprintf(value, size, "%s", text);
		found = true;
	}
	if (file)
		fclose(file);
	return found;
}

void bench_look_at_machine(struct bench_machine *machine)
{
	struct utsname name = { 0 };
	double load = 0;
	time_t now = time(NULL);
	struct tm utc;

	uname(&name);
	snprintf(machine->kernel, sizeof(machine->kernel), "%s %s", name.release, name.machine);
	if (!value_of("/proc/cpuinfo", "model name", machine->processor,
		      sizeof(machine->processor)))
		snprintf(machine->processor, sizeof(machine->processor), "%s", name.machine);
	snprintf(machine->libc, sizeof(machine->libc),
#ifdef __GLIBC__
		 "glibc %s", gnu_get_libc_version());
#else
		 "another libc");
#endif
	bench_bytes_text((double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE),
			 machine->memory, sizeof(machine->memory));
	machine->processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (getloadavg(&load, 1) == 1)
		machine->load = load;
	gmtime_r(&now, &utc);
	strftime(machine->when, sizeof(machine->when), "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void *bench_allocate(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory) {
		fputs("sluice: bench: no memory\n", stderr);
		exit(1);
	}
	return memory;
}
