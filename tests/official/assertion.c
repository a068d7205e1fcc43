/*
 * Prints one client assertion, made as the reconciler makes it.
 *   official_assertion CERTIFICATE KEY PS256|RS256 CLIENT-ID AUDIENCE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "graph/assertion.h"
#include "graph/wire.h"

int
main(int argc, char **argv)
{
	struct graph_certificate *certificate;
	struct rng rng = rng_system();
	int64_t now_s = (int64_t)time(NULL);
	char why[512], jti[GRAPH_UUID_SIZE];
	struct text t;
	enum err e;

	if (argc != 6)
		return 2;
	if (graph_certificate_read(argv[1], argv[2], strcmp(argv[3], "RS256") == 0 ? GRAPH_RS256 : GRAPH_PS256, now_s,
	        &certificate, why, sizeof(why)) != ERR_OK) {
		(void)fprintf(stderr, "%s\n", why);
		return EXIT_FAILURE;
	}
	text_init(&t, GRAPH_ASSERTION_MAX);
	graph_uuid(&rng, jti);
	e = graph_assertion_make(&t, certificate, argv[4], argv[5], jti, now_s);
	if (e == ERR_OK)
		(void)puts(t.data);
	text_done(&t);
	graph_certificate_free(certificate);
	return e == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
