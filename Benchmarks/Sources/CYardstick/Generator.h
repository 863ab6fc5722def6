// A generator of random words (xorshift64).

#ifndef GENERATOR_H
#define GENERATOR_H

#include <stdint.h>

static inline uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

#endif
