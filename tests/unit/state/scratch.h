/*
 * scratch.h - a directory of its own for one test, removed with all it holds; the seed of random rounds.
 */
#ifndef TESTS_UNIT_STATE_SCRATCH_H
#define TESTS_UNIT_STATE_SCRATCH_H

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"

struct scratch {
	char path[PATH_MAX];
};

static inline void
scratch_make(struct scratch *s)
{
	const char *base = getenv("TMPDIR");

	memset(s, 0, sizeof(*s));
	(void)snprintf(s->path, sizeof(s->path), "%s/ergsync-test-XXXXXX", base != NULL ? base : "/tmp");
	assert_non_null(mkdtemp(s->path));
}

/* The directory at path and the files in it, two levels deep. */
static inline void
scratch_remove_level(const char *path, int depth)
{
	char name[PATH_MAX + 300];
	struct dirent *entry;
	struct stat st;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (depth > 0 && lstat(name, &st) == 0 && S_ISDIR(st.st_mode))
			scratch_remove_level(name, depth - 1);
		else
			(void)unlink(name);
	}
	(void)closedir(dir);
	(void)rmdir(path);
}

static inline void
scratch_remove(const struct scratch *s)
{
	scratch_remove_level(s->path, 2);
}

static inline const char *
scratch_file(const struct scratch *s, const char *name, char ret[PATH_MAX + 300])
{
	(void)snprintf(ret, PATH_MAX + 300, "%s/%s", s->path, name);
	return ret;
}

static inline struct rng
scratch_rng(void)
{
	const char *text = getenv("ERGSYNC_TEST_SEED");
	struct rng system = rng_system();
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : rng_u64(&system);

	print_message("ERGSYNC_TEST_SEED=%llu\n", (unsigned long long)seed);
	return rng_seeded(seed);
}

/* Does the file hold these bytes anywhere? */
static inline int
scratch_contains(const char *path, const char *needle)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	int found = 0;
	char *data;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_non_null(data = malloc((size_t)st.st_size + 1));
	assert_int_equal(fread(data, 1, (size_t)st.st_size, f), st.st_size);
	found = memmem(data, (size_t)st.st_size, needle, strlen(needle)) != NULL;
	free(data);
	(void)fclose(f);
	return found;
}

#endif
