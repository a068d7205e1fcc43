/*
 * scratch.h - a directory of its own for one test, removed with all it holds; the seed of random rounds.
 */
#ifndef TESTS_UNIT_STATE_SCRATCH_H
#define TESTS_UNIT_STATE_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

/* Turns pages of an LMDB file into rubbish: those behind its two meta pages, each but for its header. */
static inline void
scratch_spoil(const struct scratch *s, const char *name, struct rng *rng)
{
	char path[PATH_MAX + 300];
	uint8_t page[4096];
	int fd = open(scratch_file(s, name, path), O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	rng_bytes(rng, page, sizeof(page));
	for (off_t at = 2; at < 100; at++)
		assert_int_equal(pwrite(fd, page + 16, sizeof(page) - 16, at * 4096 + 16), sizeof(page) - 16);
	(void)close(fd);
}

/* So many bytes, and no file can grow beyond: stands for a full disk. RLIM_INFINITY: there is room again. */
static inline void
scratch_limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
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
