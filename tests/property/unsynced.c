/*
 * unsynced.c - the year's store is written in place and never synced: its crashes are of the program, and nobody cuts the power.
 *
 * Stands before mdb_env_open (ld --wrap) in property_year. Transactions are what they were.
 */
#include <lmdb.h>

int __real_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);
int __wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);

int
__wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
	return __real_mdb_env_open(env, path, flags | MDB_WRITEMAP | MDB_NOSYNC, mode);
}
