// A walk of VT-d first-stage tables (VT-d 3.6, 9.6) for a read of a user, with all checks of the format, alone or under a second stage.

#ifndef FIRST_STAGE_WALK_H
#define FIRST_STAGE_WALK_H

#include "SecondStageWalk.h"

enum first_stage_bits {
  first_present = 1 << 0,
  first_write = 1 << 1,
  first_user = 1 << 2,
  first_accessed = 1 << 5,
  first_page_size = 1 << 7
};

struct first_stage {
  unsigned levels;
  bool can_update;
  uint64_t accessed;
  uint64_t reserved_in_table, reserved_in_leaf_2m, reserved_in_leaf_1g;
};

// Sets the accessed flags; false if that cannot be.
static inline bool first_stage_update(const struct first_stage *format, uint64_t *place, uint64_t entry) {
  uint64_t desired = entry | format->accessed;
  if (desired == entry) return true;
  return format->can_update && __sync_bool_compare_and_swap(place, entry, desired);
}

// What an address translates to; 0 if there is no translation. Tables and pages are physical if there is no second stage.
static inline uint64_t first_stage_walk(
  const struct first_stage *format, const struct second_stage *second, uint64_t second_root, uint64_t root, uint64_t address) {
  uint64_t table = root, rights = first_write | first_user;
  for (unsigned level = format->levels;; level--) {
    uint64_t guest = table + tables_entry_offset(address, 3 + 9 * level);
    uint64_t *place = tables_location(second ? second_stage_walk(second, second_root, guest) : guest);
    if (!place) return 0;
    uint64_t entry = *place;
    if (!(entry & first_present)) return 0;
    rights &= entry;
    if (level > 1 && !(entry & first_page_size)) {
      if (entry & format->reserved_in_table) return 0;
      if (!first_stage_update(format, place, entry)) return 0;
      table = entry & entry_address;
      continue;
    }
    if (level > 3) return 0;
    uint64_t reserved = level == 1   ? format->reserved_in_table
                        : level == 2 ? format->reserved_in_leaf_2m
                                     : format->reserved_in_leaf_1g;
    if (entry & reserved || !(rights & first_user)) return 0;
    uint64_t offset = address & ((1ull << (3 + 9 * level)) - 1);
    uint64_t out = (entry & entry_address & ~((1ull << (3 + 9 * level)) - 1)) + offset;
    if (second) {
      out = second_stage_walk(second, second_root, out);
      if (!out) return 0;
    } else if (out - interrupt_range < interrupt_range_size) {
      return 0;
    }
    return first_stage_update(format, place, entry) ? out : 0;
  }
}

#endif
