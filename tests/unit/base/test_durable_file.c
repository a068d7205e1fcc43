#include "base/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/base/check.h"

struct place {
	char folder[64], path[PATH_MAX], fresh[PATH_MAX];
};

static int
place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/ergsync-test-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/file", p->folder);
	(void)snprintf(p->fresh, sizeof(p->fresh), "%s/file.new", p->folder);
	*state = p;
	return 0;
}

static int
place_remove(void **state)
{
	struct place *p = *state;

	(void)unlink(p->path);
	(void)unlink(p->fresh);
	(void)rmdir(p->folder);
	free(p);
	return 0;
}

static void
holds(const char *path, const char *text, mode_t mode)
{
	char data[64] = "";
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, data, sizeof(data) - 1), strlen(text));
	assert_string_equal(data, text);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
	assert_int_equal(close(fd), 0);
}

static void
a_file_is_made_and_replaced(void **state)
{
	struct place *p = *state;
	struct stat like;

	assert_true(durable_file_replace(p->path, p->fresh, "one", 3, NULL));
	holds(p->path, "one", 0600);
	assert_int_equal(chmod(p->path, 0640), 0);
	assert_int_equal(stat(p->path, &like), 0);
	assert_true(durable_file_replace(p->path, p->fresh, "another", 7, &like));
	holds(p->path, "another", 0640);
	assert_int_equal(access(p->fresh, F_OK), -1);
}

static void
what_is_there_under_the_other_name_is_not_touched(void **state)
{
	struct place *p = *state;

	assert_true(durable_file_replace(p->path, p->fresh, "one", 3, NULL));
	assert_int_equal(symlink(p->path, p->fresh), 0);
	assert_false(durable_file_replace(p->path, p->fresh, "two", 3, NULL));
	assert_int_equal(errno, EEXIST);
	holds(p->path, "one", 0600);
}

static void
what_is_not_written_is_told(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (full < 0)
		skip();
	assert_false(durable_file_write(full, "x", 1));
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(close(full), 0);
	assert_false(durable_file_write(-1, "x", 1));
	assert_int_equal(errno, EBADF);
	assert_true(durable_file_write(-1, "", 0));
}

static void
the_folder_of_any_path_is_synced(void **state)
{
	struct place *p = *state;
	char long_path[PATH_MAX + 2];

	assert_true(durable_file_sync_folder(p->path));
	assert_true(durable_file_sync_folder("in the present one"));
	assert_true(durable_file_sync_folder("/at the top"));
	assert_false(durable_file_sync_folder("/nowhere/at all"));
	assert_int_equal(errno, ENOENT);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_false(durable_file_sync_folder(long_path));
	assert_int_equal(errno, ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_made_and_replaced, place_make, place_remove),
		cmocka_unit_test_setup_teardown(what_is_there_under_the_other_name_is_not_touched, place_make, place_remove),
		cmocka_unit_test(what_is_not_written_is_told),
		cmocka_unit_test_setup_teardown(the_folder_of_any_path_is_synced, place_make, place_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
