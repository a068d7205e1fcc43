/* store_format DIRECTORY WHAT FORMAT - makes an empty environment as another version of ergsync would have: WHAT is store or inbox. */
#include <stdio.h>
#include <stdlib.h>

#include "state/env.h"

int
main(int argc, char **argv)
{
	struct env_options options = { .map_size_bytes = 64u << 20, .tables_max = 32, .writer = true };
	char why[256] = "usage: store_format DIRECTORY store|inbox FORMAT";
	struct env *env;

	if (argc != 4) {
		fprintf(stderr, "%s\n", why);
		return 2;
	}
	options.directory = argv[1];
	options.what = argv[2];
	options.format = (uint32_t)strtoul(argv[3], NULL, 10);
	if (env_open(&options, &env, why, sizeof(why)) != ERR_OK) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	env_close(env);
	return 0;
}
