// A walk of VT-d second-stage tables (VT-d 3.7, 9.8 to 9.10) for a read, with all checks of the format.

#include "CYardstick.h"
#include "Generator.h"
#include "Tables.h"

#include <stddef.h>

enum entry_bits { entry_read = 1 << 0, entry_write = 1 << 1, entry_page_size = 1 << 7, entry_accessed = 1 << 8, entry_snoop = 1 << 11 };

static const uint64_t entry_address = 0xffffffffff000;
static const uint64_t interrupt_range = 0xfee00000, interrupt_range_size = 0x100000;

struct format {
  unsigned levels;
  bool updates_flags, can_update;
  uint64_t reserved_in_table, reserved_in_leaf_4k, reserved_in_leaf_2m, reserved_in_leaf_1g;
};

// Not constant, as a unit's format is not known before its context has been read.
static volatile struct format current_format = {
  .levels = 4,
  .updates_flags = false,
  .can_update = true,
  .reserved_in_table = 1ull << 62 | entry_snoop,
  .reserved_in_leaf_4k = 1ull << 62,
  .reserved_in_leaf_2m = 1ull << 62 | 0x1ff000,
  .reserved_in_leaf_1g = 1ull << 62 | 0x3ffff000,
};

static inline uint64_t *location(uint64_t address) {
  return address < tables_size ? (uint64_t *)(tables_memory + address) : NULL;
}

// Sets the accessed flag if flags are updated; false if that cannot be.
static inline bool update(const struct format *format, uint64_t *place, uint64_t entry) {
  uint64_t desired = format->updates_flags ? entry | entry_accessed : entry;
  if (desired == entry) return true;
  return format->can_update && __sync_bool_compare_and_swap(place, entry, desired);
}

// 0 if there is no translation.
static inline uint64_t walk(const struct format *format, uint64_t address) {
  uint64_t table = tables_root, rights = entry_read | entry_write;
  for (unsigned level = format->levels;; level--) {
    uint64_t *place = location(table + tables_entry_offset(address, 3 + 9 * level));
    if (!place) return 0;
    uint64_t entry = *place;
    if (!(entry & (entry_read | entry_write))) return 0;
    rights &= entry;
    if (level > 1 && !(entry & entry_page_size)) {
      if (entry & format->reserved_in_table) return 0;
      if (!update(format, place, entry)) return 0;
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
    if (out - interrupt_range < interrupt_range_size || !(rights & entry_read)) return 0;
    return update(format, place, entry) ? page : 0;
  }
}

uint64_t yardstick_walk(uint64_t count) {
  const struct format format = current_format;
  uint64_t generator = yardstick_seed, sum = 0;
  for (uint64_t index = 0; index < count; index++) {
    sum += walk(&format, (next_random(&generator) & (yardstick_mapped_pages - 1)) << 12);
  }
  return sum;
}
