/* inbox.c: nothing acknowledged is lost, whatever happens to the writer or the disk. */
#include "state/inbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "state/codec.h"
#include "state/env.h"
#include "state/seal.h"
#include "unit/state/scratch.h"

#define MAP  (64ULL << 20)
#define ITEM "membership-of-ada@example.org"

static const struct key32 key = { "an intake key for the unit tests" };
static const struct key32 other_key = { "another key, after a rotation..." };

static struct hint
hint_number(uint64_t n)
{
	struct hint h = { .kind = (enum hint_kind)(n % (HINT_OTHER + 1)), .received_wall_ms = (int64_t)n };

	memcpy(h.scope.b, "scope of a team!", SCOPE_ID_LEN);
	memcpy(h.digest, &n, sizeof(n));
	h.item_len = (uint16_t)snprintf(h.item, sizeof(h.item), ITEM "-%llu", (unsigned long long)n);
	if (n % 3 == 0)
		(void)snprintf(h.team.s, sizeof(h.team.s), "20000000-0000-4000-8000-%012llx", (unsigned long long)n);
	return h;
}

static void
assert_hint_number(const struct hint *h, uint64_t n)
{
	struct hint want = hint_number(n);

	assert_memory_equal(h->scope.b, want.scope.b, SCOPE_ID_LEN);
	assert_memory_equal(h->digest, want.digest, HINT_DIGEST_LEN);
	assert_int_equal(h->kind, want.kind);
	assert_true(h->received_wall_ms == want.received_wall_ms);
	assert_int_equal(h->item_len, want.item_len);
	assert_memory_equal(h->item, want.item, want.item_len);
	assert_string_equal(h->team.s, want.team.s);
}

static enum err
try_open(const struct scratch *dir, enum inbox_role role, const struct key32 *k, struct inbox **ret, char why[256])
{
	char path[PATH_MAX + 300];

	return inbox_open(scratch_file(dir, "inbox", path), role, MAP, k, ret, why, 256);
}

static struct inbox *
open_as(const struct scratch *dir, enum inbox_role role)
{
	struct inbox *in = NULL;
	char why[256] = "";

	if (try_open(dir, role, &key, &in, why) != ERR_OK)
		fail_msg("inbox_open: %s", why);
	return in;
}

static enum err
append_numbers(struct inbox *in, uint64_t first, size_t count)
{
	static struct hint hints[INBOX_APPEND_MAX];

	for (size_t i = 0; i < count; i++)
		hints[i] = hint_number(first + i);
	return inbox_append(in, hints, count);
}

/* Reads everything after `after`, which must be numbered on from there. Gives the last number. */
static uint64_t
read_numbers(struct inbox *in, uint64_t after)
{
	static struct hint hints[1000];
	size_t count, damaged;
	uint64_t last;

	do {
		assert_int_equal(inbox_read(in, after, hints, 1000, &count, &last, &damaged), ERR_OK);
		assert_int_equal(damaged, 0);
		assert_int_equal(last - after, count);
		for (size_t i = 0; i < count; i++)
			assert_hint_number(&hints[i], after + 1 + i);
		after = last;
	} while (count > 0);
	return after;
}

static void
appends_are_read_in_order(void **state)
{
	struct inbox_stats st;
	struct scratch dir;
	struct inbox *in;

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 1, 1), ERR_OK);
	assert_int_equal(append_numbers(in, 2, 2999), ERR_OK);
	assert_int_equal(inbox_append(in, NULL, 0), ERR_OK);
	assert_int_equal(read_numbers(in, 0), 3000);
	assert_int_equal(read_numbers(in, 2500), 3000);
	assert_int_equal(read_numbers(in, 9999), 9999);
	assert_int_equal(inbox_stats(in, &st), ERR_OK);
	assert_int_equal(st.first, 1);
	assert_int_equal(st.last, 3000);
	assert_true(st.accepting);
	assert_true(st.used_bytes < st.file_bytes && st.file_bytes <= st.map_bytes);
	inbox_close(in);
	scratch_remove(&dir);
}

static void
items_of_every_length(void **state)
{
	static struct hint hints[HINT_ITEM_MAX + 1], back[HINT_ITEM_MAX + 1];
	struct rng rng = scratch_rng();
	size_t count, damaged;
	struct scratch dir;
	struct inbox *in;
	uint64_t last;

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	for (size_t i = 0; i <= HINT_ITEM_MAX; i++) {
		hints[i] = hint_number(i);
		hints[i].item_len = (uint16_t)i;
		rng_bytes(&rng, hints[i].item, i);
	}
	assert_int_equal(inbox_append(in, hints, HINT_ITEM_MAX + 1), ERR_OK);
	assert_int_equal(inbox_read(in, 0, back, HINT_ITEM_MAX + 1, &count, &last, &damaged), ERR_OK);
	assert_int_equal(count, HINT_ITEM_MAX + 1);
	for (size_t i = 0; i <= HINT_ITEM_MAX; i++) {
		assert_int_equal(back[i].item_len, i);
		assert_memory_equal(back[i].item, hints[i].item, i);
	}
	hints[0].item_len = HINT_ITEM_MAX + 1;
	assert_int_equal(inbox_append(in, hints, 1), ERR_INVALID);
	assert_int_equal(append_numbers(in, 514, 1), ERR_OK);
	inbox_close(in);
	scratch_remove(&dir);
}

/* What a former version has left in the log: hints that name no team. */
static void
hints_without_a_team_are_read(void **state)
{
	static const uint8_t log_key[] = { 1, 0, 0, 0, 0, 0, 0, 0, 2 };
	struct env_options options = { .what = "inbox", .format = 1, .map_size_bytes = MAP, .writer = true };
	uint8_t plain[256], sealed[256 + SEAL_OVERHEAD];
	const struct seal_place place = { "inbox", log_key, sizeof(log_key) };
	const struct hint h = hint_number(2);
	MDB_val at = { sizeof(log_key), (void *)(uintptr_t)log_key }, value = { 0, sealed };
	char path[PATH_MAX + 300], why[256];
	struct encoder e;
	struct scratch dir;
	struct inbox *in;
	struct seal *seal;
	struct env *env;
	MDB_txn *txn;

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 1, 1), ERR_OK);
	inbox_close(in);
	encoder_init(&e, plain, sizeof(plain));
	encode_u8(&e, 1);
	encode_u8(&e, 1);
	encode_bytes(&e, h.scope.b, sizeof(h.scope.b));
	encode_u8(&e, (uint8_t)h.kind);
	encode_i64(&e, h.received_wall_ms);
	encode_bytes(&e, h.digest, sizeof(h.digest));
	encode_string(&e, h.item, h.item_len);
	assert_int_equal(seal_new(&key, "inbox seal v1", &seal), ERR_OK);
	assert_int_equal(seal_wrap(seal, &place, plain, e.len, sealed), ERR_OK);
	seal_free(seal);
	value.mv_size = e.len + SEAL_OVERHEAD;
	options.directory = scratch_file(&dir, "inbox", path);
	assert_int_equal(env_open(&options, &env, why, sizeof(why)), ERR_OK);
	assert_int_equal(env_begin(env, true, &txn), ERR_OK);
	assert_int_equal(mdb_put(txn, env_main(env), &at, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	env_close(env);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 3, 1), ERR_OK);
	assert_int_equal(read_numbers(in, 0), 3);
	inbox_close(in);
	scratch_remove(&dir);
}

/* Rich parts of all lengths between plain hints come back whole, and go with their hints. */
static void
rich_parts_are_kept(void **state)
{
	static struct hint hints[60], back[60];
	static char text[RICH_ITEM_MAX];
	struct rng rng = scratch_rng();
	size_t count, damaged;
	struct scratch dir;
	struct inbox *in;
	uint64_t last;

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	rng_bytes(&rng, text, sizeof(text));
	for (size_t i = 0; i < 60; i++) {
		hints[i] = hint_number(i + 1);
		if (i % 3 != 0)
			hints[i].rich = rich_copy(text, i == 59 ? RICH_ITEM_MAX : rng_below(&rng, RICH_ITEM_MAX));
	}
	assert_int_equal(inbox_append(in, hints, 60), ERR_OK);
	assert_int_equal(inbox_read(in, 0, back, 7, &count, &last, &damaged), ERR_OK);
	for (size_t i = 0; i < count; i++)
		free(back[i].rich);
	assert_int_equal(last, 7);
	assert_int_equal(inbox_read(in, 0, back, 60, &count, &last, &damaged), ERR_OK);
	assert_int_equal(count, 60);
	assert_int_equal(damaged, 0);
	for (size_t i = 0; i < 60; i++) {
		assert_hint_number(&back[i], i + 1);
		assert_int_equal(back[i].rich != NULL, hints[i].rich != NULL);
		if (hints[i].rich != NULL) {
			assert_int_equal(back[i].rich->len, hints[i].rich->len);
			assert_memory_equal(back[i].rich->text, text, back[i].rich->len);
		}
		free(back[i].rich);
		free(hints[i].rich);
	}
	assert_int_equal(inbox_trim(in, 60), ERR_OK);
	assert_int_equal(inbox_read(in, 0, back, 60, &count, &last, &damaged), ERR_OK);
	assert_int_equal(count, 0);
	inbox_close(in);
	scratch_remove(&dir);
}

static void
trimmed_numbers_are_not_given_again(void **state)
{
	struct inbox_stats st;
	struct scratch dir;
	struct inbox *in;

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(append_numbers(in, 1 + i * 4096, 4096), ERR_OK);
	assert_int_equal(inbox_trim(in, 100), ERR_OK);
	assert_int_equal(read_numbers(in, 100), 11 * 4096);
	assert_int_equal(inbox_trim(in, 40000), ERR_OK); /* more than one transaction */
	assert_int_equal(inbox_stats(in, &st), ERR_OK);
	/* A group that is consumed in part stays. */
	assert_true(st.first <= 40001 && st.first > 40001 - 64);
	assert_int_equal(read_numbers(in, 40000), 11 * 4096);
	assert_int_equal(inbox_trim(in, UINT64_MAX), ERR_OK);
	assert_int_equal(inbox_trim(in, UINT64_MAX), ERR_OK);
	assert_int_equal(inbox_stats(in, &st), ERR_OK);
	assert_true(st.first == st.last + 1 && st.last == 11 * 4096);
	inbox_close(in);

	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 11 * 4096 + 1, 3), ERR_OK);
	assert_int_equal(read_numbers(in, 11 * 4096), 11 * 4096 + 3);
	inbox_close(in);
	scratch_remove(&dir);
}

static void
one_writer_only(void **state)
{
	struct inbox *in, *second = NULL, *reader;
	struct scratch dir;
	char why[256];

	(void)state;
	scratch_make(&dir);
	assert_int_equal(try_open(&dir, INBOX_READER, &key, &reader, why), ERR_NOTFOUND);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(try_open(&dir, INBOX_WRITER, &key, &second, why), ERR_BUSY);
	assert_non_null(strstr(why, "in use"));
	assert_null(second);
	reader = open_as(&dir, INBOX_READER);
	assert_int_equal(append_numbers(reader, 1, 1), ERR_UNSUPPORTED);
	assert_int_equal(inbox_trim(reader, 1), ERR_UNSUPPORTED);
	assert_int_equal(append_numbers(in, 1, 10), ERR_OK);
	assert_int_equal(read_numbers(reader, 0), 10);
	inbox_check_readers(reader);
	assert_int_equal(inbox_reopen(in), ERR_OK);
	assert_int_equal(append_numbers(in, 11, 10), ERR_OK);
	assert_int_equal(read_numbers(reader, 10), 20);
	inbox_close(reader);
	inbox_close(in);
	in = open_as(&dir, INBOX_WRITER);
	inbox_close(in);
	scratch_remove(&dir);
}

static void
a_new_inbox_has_a_new_epoch(void **state)
{
	uint8_t first[INBOX_EPOCH_LEN], again[INBOX_EPOCH_LEN];
	struct inbox *in, *reader;
	size_t count, damaged;
	struct scratch dir;
	struct hint h;
	uint64_t last;
	char why[256];

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 1, 5), ERR_OK);
	assert_int_equal(inbox_epoch(in, first), ERR_OK);
	assert_int_equal(inbox_reopen(in), ERR_OK);
	assert_int_equal(inbox_epoch(in, again), ERR_OK);
	assert_memory_equal(first, again, INBOX_EPOCH_LEN);
	reader = open_as(&dir, INBOX_READER);
	assert_int_equal(inbox_epoch(reader, again), ERR_OK);
	assert_memory_equal(first, again, INBOX_EPOCH_LEN);
	inbox_close(in);

	/* Another key: what the old one sealed is dropped, and the reader, still with the old key, is told. */
	assert_int_equal(try_open(&dir, INBOX_WRITER, &other_key, &in, why), ERR_OK);
	assert_int_equal(inbox_epoch(in, again), ERR_OK);
	assert_memory_not_equal(first, again, INBOX_EPOCH_LEN);
	assert_int_equal(inbox_read(reader, 0, &h, 1, &count, &last, &damaged), ERR_CORRUPT);
	assert_int_equal(inbox_epoch(reader, again), ERR_CORRUPT);
	assert_int_equal(append_numbers(in, 6, 1), ERR_OK);
	assert_int_equal(read_numbers(in, 5), 6);
	inbox_close(in);
	inbox_close(reader);

	/* The same key again, while a reader has the file open. */
	assert_int_equal(try_open(&dir, INBOX_READER, &other_key, &reader, why), ERR_OK);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(inbox_read(reader, 6, &h, 1, &count, &last, &damaged), ERR_CORRUPT);
	inbox_close(in);
	inbox_close(reader);
	scratch_remove(&dir);
}

/* Started over twice: the key is the reader's again, the epoch is not. */
static void
a_changed_epoch_is_not_read_over(void **state)
{
	uint8_t first[INBOX_EPOCH_LEN], last_epoch[INBOX_EPOCH_LEN];
	struct inbox *in, *reader;
	size_t count, damaged;
	struct scratch dir;
	struct hint h;
	uint64_t last;
	char why[256];

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	reader = open_as(&dir, INBOX_READER);
	assert_int_equal(inbox_epoch(reader, first), ERR_OK);
	inbox_close(in);
	assert_int_equal(try_open(&dir, INBOX_WRITER, &other_key, &in, why), ERR_OK);
	inbox_close(in);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 1, 1), ERR_OK);
	assert_int_equal(inbox_read(reader, 0, &h, 1, &count, &last, &damaged), ERR_CONFLICT);
	assert_int_equal(inbox_epoch(reader, last_epoch), ERR_OK);
	assert_memory_not_equal(first, last_epoch, INBOX_EPOCH_LEN);
	assert_int_equal(read_numbers(reader, 0), 1);
	inbox_close(reader);
	inbox_close(in);
	scratch_remove(&dir);
}

static void
a_replaced_inbox_is_noticed(void **state)
{
	uint8_t first[INBOX_EPOCH_LEN], second[INBOX_EPOCH_LEN];
	char from[PATH_MAX + 300], to[PATH_MAX + 300];
	struct inbox *in, *reader;
	struct scratch dir;

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 1, 5), ERR_OK);
	reader = open_as(&dir, INBOX_READER);
	assert_int_equal(inbox_epoch(reader, first), ERR_OK);
	inbox_close(in);
	assert_int_equal(rename(scratch_file(&dir, "inbox", from), scratch_file(&dir, "lost", to)), 0);
	assert_int_equal(inbox_epoch(reader, second), ERR_NOTFOUND);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 1, 3), ERR_OK);
	assert_int_equal(inbox_epoch(reader, second), ERR_OK);
	assert_memory_not_equal(first, second, INBOX_EPOCH_LEN);
	assert_int_equal(read_numbers(reader, 0), 3);
	inbox_close(reader);
	inbox_close(in);
	scratch_remove(&dir);
}

static void
a_newer_format_is_refused(void **state)
{
	char path[PATH_MAX + 300], *data, *at, why[256];
	struct scratch dir;
	struct inbox *in;
	struct stat st;
	int fd;

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	inbox_close(in);
	/* The format record: length, "inbox", 1. */
	assert_true((fd = open(scratch_file(&dir, "inbox/data.mdb", path), O_RDWR)) >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(data = malloc((size_t)st.st_size));
	assert_int_equal(pread(fd, data, (size_t)st.st_size, 0), st.st_size);
	for (at = data; (at = memmem(at, (size_t)(data + st.st_size - at), "\x05inbox\x01", 7)) != NULL; at++)
		assert_int_equal(pwrite(fd, "\x03", 1, at + 6 - data), 1);
	free(data);
	(void)close(fd);
	assert_int_equal(try_open(&dir, INBOX_WRITER, &key, &in, why), ERR_TOONEW);
	assert_non_null(strstr(why, "format 3"));
	assert_int_equal(try_open(&dir, INBOX_READER, &key, &in, why), ERR_TOONEW);
	scratch_remove(&dir);
}

static void
nothing_personal_is_readable(void **state)
{
	static const char *const planted[] = { ITEM, "ada@", "scope of a team!", "an intake key" };
	char path[PATH_MAX + 300];
	struct scratch dir;
	struct inbox *in;

	(void)state;
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 1, 500), ERR_OK);
	inbox_close(in);
	for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
		assert_false(scratch_contains(scratch_file(&dir, "inbox/data.mdb", path), planted[i]));
		assert_false(scratch_contains(scratch_file(&dir, "inbox/lock.mdb", path), planted[i]));
	}
	scratch_remove(&dir);
}

/* --- another process --- */

/* Appends for ever and says through fd what was acknowledged. */
static void
child_writes(const struct scratch *dir, int fd)
{
	char path[PATH_MAX + 300], why[256];
	struct inbox_stats st;
	struct inbox *in;

	if (inbox_open(scratch_file(dir, "inbox", path), INBOX_WRITER, MAP, &key, &in, why, sizeof(why)) != ERR_OK ||
	    inbox_stats(in, &st) != ERR_OK)
		_exit(2);
	for (uint64_t n = st.last + 1;; n += 3) {
		uint64_t acknowledged = n + 2;

		if (append_numbers(in, n, 3) != ERR_OK)
			_exit(3);
		if (write(fd, &acknowledged, sizeof(acknowledged)) != sizeof(acknowledged))
			_exit(0);
	}
}

/* Starts a child; returns when it has acknowledged `commits` times. */
static pid_t
child_start(const struct scratch *dir, unsigned commits, int *ret_fd, uint64_t *ret_last)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	assert_true((pid = fork()) >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		child_writes(dir, fds[1]);
		_exit(0);
	}
	(void)close(fds[1]);
	while (commits-- > 0)
		assert_int_equal(read(fds[0], ret_last, sizeof(*ret_last)), sizeof(*ret_last));
	*ret_fd = fds[0];
	return pid;
}

static uint64_t
child_kill(pid_t pid, int fd, uint64_t last)
{
	uint64_t more;
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	while (read(fd, &more, sizeof(more)) == sizeof(more))
		last = more;
	(void)close(fd);
	return last;
}

static void
reader_sees_another_process(void **state)
{
	struct scratch dir;
	struct inbox *reader;
	uint64_t last;
	pid_t pid;
	int fd;

	(void)state;
	scratch_make(&dir);
	pid = child_start(&dir, 1, &fd, &last);
	reader = open_as(&dir, INBOX_READER);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(read_numbers(reader, 0) >= last);
		assert_int_equal(read(fd, &last, sizeof(last)), sizeof(last));
	}
	last = child_kill(pid, fd, last);
	inbox_check_readers(reader);
	assert_true(read_numbers(reader, 0) >= last);
	inbox_close(reader);
	scratch_remove(&dir);
}

static void
killed_writers_lose_nothing(void **state)
{
	struct rng rng = scratch_rng();
	uint64_t last = 0, consumed = 0;
	struct scratch dir;
	struct inbox *in;
	int fd;

	(void)state;
	scratch_make(&dir);
	for (unsigned round = 0; round < 50; round++) {
		pid_t pid = child_start(&dir, 1 + (unsigned)rng_below(&rng, 20), &fd, &last);

		last = child_kill(pid, fd, last);
		in = open_as(&dir, INBOX_WRITER);
		assert_true(read_numbers(in, consumed) >= last);
		if (rng_below(&rng, 3) == 0) {
			consumed = last / 2;
			assert_int_equal(inbox_trim(in, consumed), ERR_OK);
		}
		inbox_close(in);
	}
	scratch_remove(&dir);
}

/* --- a full disk --- */

/* RLIMIT_FSIZE stands for a full disk: no file can grow any more. */
static void
a_full_disk_refuses_and_recovers(void **state)
{
	struct inbox_stats st;
	struct scratch dir;
	struct inbox *in;
	uint64_t n = 0, refused;
	enum err e;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(inbox_stats(in, &st), ERR_OK);
	scratch_limit_files(st.file_bytes);
	while ((e = append_numbers(in, n + 1, 1000)) == ERR_OK)
		n += 1000;
	assert_int_equal(e, ERR_FULL);
	assert_true(n >= 10000);
	assert_int_equal(inbox_stats(in, &st), ERR_OK);
	assert_int_equal(st.last, n);

	/* Reading, reopening and deleting need nothing new. Freed pages do not shorten what is used, but are used again. */
	assert_int_equal(inbox_reopen(in), ERR_OK);
	assert_int_equal(read_numbers(in, 0), n);
	assert_int_equal(inbox_trim(in, n - 10), ERR_OK);
	assert_int_equal(read_numbers(in, n - 10), n);
	refused = n;
	scratch_limit_files(RLIM_INFINITY);
	assert_int_equal(append_numbers(in, n + 1, 1000), ERR_OK);
	assert_int_equal(read_numbers(in, refused), refused + 1000);
	inbox_close(in);
	scratch_remove(&dir);
}

/* A write that fails in the middle of a commit: nothing is acknowledged until the inbox was opened anew. */
static void
a_failed_commit_acknowledges_nothing(void **state)
{
	struct scratch dir;
	struct inbox *in;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	scratch_make(&dir);
	in = open_as(&dir, INBOX_WRITER);
	assert_int_equal(append_numbers(in, 1, 100), ERR_OK);
	for (rlim_t limit = 4096; limit <= 16 * 4096; limit += 4096) {
		scratch_limit_files(limit);
		assert_int_equal(append_numbers(in, 101, 3000), ERR_IO);
		scratch_limit_files(RLIM_INFINITY);
		assert_int_equal(append_numbers(in, 101, 1), ERR_IO);
		assert_int_equal(inbox_trim(in, 1), ERR_IO);
		assert_int_equal(inbox_reopen(in), ERR_OK);
		assert_int_equal(read_numbers(in, 0), 100);
	}
	assert_int_equal(append_numbers(in, 101, 200), ERR_OK);
	assert_int_equal(read_numbers(in, 0), 300);
	inbox_close(in);
	scratch_remove(&dir);
}

/* The end of the map: refused at 80 %, and what is left is enough to trim; then there is room again. */
static void
the_high_water_mark_leaves_room_to_trim(void **state)
{
	char path[PATH_MAX + 300], why[256];
	struct inbox_stats st;
	struct scratch dir;
	struct inbox *in;
	uint64_t n = 0;
	enum err e;

	(void)state;
	scratch_make(&dir);
	assert_int_equal(
	    inbox_open(scratch_file(&dir, "inbox", path), INBOX_WRITER, 20 << 20, &key, &in, why, sizeof(why)), ERR_OK);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t first = n;

		while ((e = append_numbers(in, n + 1, 4000)) == ERR_OK)
			n += 4000;
		assert_int_equal(e, ERR_FULL);
		assert_true(n - first >= 20000);
		assert_int_equal(inbox_stats(in, &st), ERR_OK);
		assert_true(st.used_bytes <= st.map_bytes / 10 * 9);
		assert_int_equal(read_numbers(in, first), n);
		assert_int_equal(inbox_trim(in, n), ERR_OK);
		assert_int_equal(inbox_stats(in, &st), ERR_OK);
		assert_true(st.accepting);
	}
	inbox_close(in);
	scratch_remove(&dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_are_read_in_order),
		cmocka_unit_test(items_of_every_length),
		cmocka_unit_test(hints_without_a_team_are_read),
		cmocka_unit_test(rich_parts_are_kept),
		cmocka_unit_test(trimmed_numbers_are_not_given_again),
		cmocka_unit_test(one_writer_only),
		cmocka_unit_test(a_new_inbox_has_a_new_epoch),
		cmocka_unit_test(a_changed_epoch_is_not_read_over),
		cmocka_unit_test(a_replaced_inbox_is_noticed),
		cmocka_unit_test(a_newer_format_is_refused),
		cmocka_unit_test(nothing_personal_is_readable),
		cmocka_unit_test(reader_sees_another_process),
		cmocka_unit_test(killed_writers_lose_nothing),
		cmocka_unit_test(a_full_disk_refuses_and_recovers),
		cmocka_unit_test(a_failed_commit_acknowledges_nothing),
		cmocka_unit_test(the_high_water_mark_leaves_room_to_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
