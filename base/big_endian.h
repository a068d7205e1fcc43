/*
 * big_endian.h - numbers in bytes, the greatest byte first: as files and keys have them, for then they sort as bytes.
 */
#ifndef BASE_BIG_ENDIAN_H
#define BASE_BIG_ENDIAN_H

#include <stdint.h>

static inline void
big_endian_put_u32(uint8_t *at, uint32_t n)
{
	for (int i = 3; i >= 0; i--, n >>= 8)
		at[i] = (uint8_t)n;
}

static inline uint32_t
big_endian_get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void
big_endian_put_u64(uint8_t *at, uint64_t n)
{
	big_endian_put_u32(at, (uint32_t)(n >> 32));
	big_endian_put_u32(at + 4, (uint32_t)n);
}

static inline uint64_t
big_endian_get_u64(const uint8_t *at)
{
	return (uint64_t)big_endian_get_u32(at) << 32 | big_endian_get_u32(at + 4);
}

#endif
