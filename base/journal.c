/* journal.c - libsystemd's client of the journal. Apart from log.c, as its header defines syslog's LOG_ names. */
#include "base/journal.h"

/* The place in the source would always be this file. */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

bool
journal_is_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char is[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	(void)snprintf(is, sizeof(is), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, is) == 0;
}

bool
journal_send(const char *const *fields, size_t count)
{
	struct iovec parts[JOURNAL_FIELDS_MAX];

	if (count > JOURNAL_FIELDS_MAX)
		count = JOURNAL_FIELDS_MAX;
	for (size_t i = 0; i < count; i++)
		parts[i] = (struct iovec){ (void *)fields[i], strlen(fields[i]) };
	return sd_journal_sendv(parts, (int)count) == 0;
}
