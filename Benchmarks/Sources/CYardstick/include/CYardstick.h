// Work of the simulator in C: what the Swift code is measured against.
//
// Every function does the work a number of times and returns a checksum of what it computed, which the Swift code must compute, too.

#ifndef CYARDSTICK_H
#define CYARDSTICK_H

#include <stdbool.h>
#include <stdint.h>

/// The pages that the tables map: page n to the frame at n * 4096 + 1 GiB.
enum { yardstick_mapped_pages = 1 << 18 };
/// The pages that the lookups of `yardstick_translate` hit once they have been filled.
enum { yardstick_hit_pages = 32 };
/// The first word of the generator of pages (xorshift64); never 0.
static const uint64_t yardstick_seed = 88172645463325252ull;

/// Maps the pages; false if there is no memory. To be called once, before the others.
bool yardstick_prepare(void);

/// Translates `count` random pages below `pages`, a power of two: a lookup in a cache of 8 ways by 8 sets with true LRU; after a miss
/// a walk of 4 levels and a fill. Begins with an empty cache.
uint64_t yardstick_translate(uint64_t count, uint64_t pages);

/// The same with a walk of 4 levels of first-stage tables over 4 of second-stage ones, 24 entries.
uint64_t yardstick_translate_nested(uint64_t count, uint64_t pages);

/// Walks the 4 levels for `count` random pages as VT-d second-stage tables, with all checks of that format.
uint64_t yardstick_walk(uint64_t count);

/// Walks 4 levels for `count` random pages as VT-d first-stage tables, with all checks of that format.
uint64_t yardstick_first_stage_walk(uint64_t count);

/// Walks 4 levels of first-stage tables over 4 levels of second-stage ones for `count` random pages: 24 entries each, with all checks.
uint64_t yardstick_nested_walk(uint64_t count);

/// What a trace file holds.
struct yardstick_trace {
  /// The number of its records.
  uint64_t records;
  /// The sum of all their addresses and times.
  uint64_t checksum;
  /// Whether the file is sound.
  bool sound;
};

/// Reads a whole trace file: decompresses every block and decodes it into records, 256 at a time.
struct yardstick_trace yardstick_decode(const char *path);

/// Reads a whole trace file and decompresses every block, no more: the part of `yardstick_decode` that is zstd's.
struct yardstick_trace yardstick_decompress(const char *path);

#endif
