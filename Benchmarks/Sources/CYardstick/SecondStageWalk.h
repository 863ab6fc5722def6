// A walk of VT-d second-stage tables (VT-d 3.7, 9.8 to 9.10) for a read, with all checks of the format.

#ifndef SECOND_STAGE_WALK_H
#define SECOND_STAGE_WALK_H

#include "Tables.h"

#include <stdbool.h>
#include <stddef.h>

enum second_stage_bits {
  second_read = 1 << 0,
  second_write = 1 << 1,
  second_page_size = 1 << 7,
  second_accessed = 1 << 8,
  second_snoop = 1 << 11
};

static const uint64_t entry_address = 0xffffffffff000;
static const uint64_t interrupt_range = 0xfee00000, interrupt_range_size = 0x100000;

struct second_stage {
  unsigned levels;
  bool updates_flags, can_update;
  uint64_t reserved_in_table, reserved_in_leaf_4k, reserved_in_leaf_2m, reserved_in_leaf_1g;
};

// Sets the accessed flag if flags are updated; false if that cannot be.
static inline bool second_stage_update(const struct second_stage *format, uint64_t *place, uint64_t entry) {
  uint64_t desired = format->updates_flags ? entry | second_accessed : entry;
  if (desired == entry) return true;
  return format->can_update && __sync_bool_compare_and_swap(place, entry, desired);
}

// What an address translates to; 0 if there is no translation.
static inline uint64_t second_stage_walk(const struct second_stage *format, uint64_t root, uint64_t address) {
  uint64_t table = root, rights = second_read | second_write;
  for (unsigned level = format->levels;; level--) {
    uint64_t *place = tables_location(table + tables_entry_offset(address, 3 + 9 * level));
    if (!place) return 0;
    uint64_t entry = *place;
    if (!(entry & (second_read | second_write))) return 0;
    rights &= entry;
    if (level > 1 && !(entry & second_page_size)) {
      if (entry & format->reserved_in_table) return 0;
      if (!second_stage_update(format, place, entry)) return 0;
      table = entry & entry_address;
      continue;
    }
    if (level > 3) return 0;
    uint64_t reserved = level == 1   ? format->reserved_in_leaf_4k
                        : level == 2 ? format->reserved_in_leaf_2m
                                     : format->reserved_in_leaf_1g;
    if (entry & reserved) return 0;
    uint64_t page = entry & entry_address;
    uint64_t out = page + (address & ((1ull << (3 + 9 * level)) - 1));
    if (out - interrupt_range < interrupt_range_size || !(rights & second_read)) return 0;
    return second_stage_update(format, place, entry) ? out : 0;
  }
}

#endif
