#include "model/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#define EPOCH "000102030405060708090a0b0c0d0e0f"

static void
test_round_trips(void **state)
{
	const struct peer_message messages[] = {
		{ .kind = PEER_WAKE },
		{ .kind = PEER_STATS_REQUEST },
		{ .kind = PEER_CONSUMED, .epoch = { 0, 1, 255 }, .consumed = 0 },
		{ .kind = PEER_CONSUMED, .epoch = { 7 }, .consumed = UINT64_MAX },
		{ .kind = PEER_CONSENT, .scope = { { 1, 2, 254 } } },
		{ .kind = PEER_STATS, .text = "", .text_len = 0 },
		{ .kind = PEER_STATS, .text = "a 1\nb 2\n", .text_len = 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct peer_message back;
		char data[256];
		size_t len;

		assert_int_equal(peer_encode(&messages[i], data, sizeof(data), &len), ERR_OK);
		assert_int_equal(peer_decode(data, len, &back), ERR_OK);
		assert_int_equal(back.kind, messages[i].kind);
		assert_int_equal(back.consumed, messages[i].consumed);
		assert_memory_equal(back.epoch, messages[i].epoch, sizeof(back.epoch));
		assert_memory_equal(back.scope.b, messages[i].scope.b, sizeof(back.scope.b));
		assert_int_equal(back.text_len, messages[i].text_len);
		if (back.text_len > 0)
			assert_memory_equal(back.text, messages[i].text, back.text_len);
		for (size_t room = 0; room < len; room++)
			assert_int_equal(peer_encode(&messages[i], data, room, &len), ERR_TOOBIG);
	}
}

static const char *const malformed[] = {
	"",
	"wake",
	"ergsync/1",
	"ergsync/1 ",
	"ergsync/1 wake ",
	"ergsync/1 wake\n",
	"ergsync/2 wake",
	"ergsync/1 stats",
	"ergsync/1 consent",
	"ergsync/1 consent " EPOCH "0",
	"ergsync/1 consent 0001",
	"ergsync/1 consent 000102030405060708090A0B0C0D0E0F",
	"ergsync/1 consumed",
	"ergsync/1 consumed 5",
	"ergsync/1 consumed " EPOCH,
	"ergsync/1 consumed " EPOCH " ",
	"ergsync/1 consumed " EPOCH " -1",
	"ergsync/1 consumed " EPOCH " 01",
	"ergsync/1 consumed " EPOCH " 1 ",
	"ergsync/1 consumed " EPOCH " 18446744073709551616",
	"ergsync/1 consumed 000102030405060708090A0B0C0D0E0F 1",
	"ergsync/1 consumed 0001 1",
};

static void
test_malformed(void **state)
{
	struct peer_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		if (peer_decode(malformed[i], strlen(malformed[i]), &m) != ERR_MALFORMED)
			fail_msg("%s", malformed[i]);
	assert_int_equal(peer_decode("ergsync/1 consumed " EPOCH " 10", 54, &m), ERR_OK);
	assert_int_equal(m.consumed, 10);
}

static void
addresses(void **state)
{
	struct sockaddr_un a;
	char directory[sizeof(a.sun_path)];
	size_t room = sizeof(a.sun_path) - sizeof("/" PEER_LISTENER_SOCKET);

	(void)state;
	assert_true(peer_address("/run/ergsync", PEER_LISTENER_SOCKET, &a));
	assert_int_equal(a.sun_family, AF_UNIX);
	assert_string_equal(a.sun_path, "/run/ergsync/listener.sock");
	memset(directory, 'd', sizeof(directory));
	directory[room] = '\0';
	assert_true(peer_address(directory, PEER_LISTENER_SOCKET, &a));
	assert_int_equal(strlen(a.sun_path), sizeof(a.sun_path) - 1);
	directory[room] = 'd';
	directory[room + 1] = '\0';
	assert_false(peer_address(directory, PEER_LISTENER_SOCKET, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trips), cmocka_unit_test(test_malformed),
		cmocka_unit_test(addresses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
