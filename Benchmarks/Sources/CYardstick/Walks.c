// Walks of one stage, and of both, over the pages that the tables map.

#include "CYardstick.h"
#include "FirstStageWalk.h"
#include "Generator.h"
#include "SecondStageWalk.h"

// Not constant, as a unit's formats are not known before a context has been read.
static volatile struct second_stage current_second_stage = {
  .levels = 4,
  .updates_flags = false,
  .can_update = true,
  .reserved_in_table = 1ull << 62 | second_snoop,
  .reserved_in_leaf_4k = 1ull << 62,
  .reserved_in_leaf_2m = 1ull << 62 | 0x1ff000,
  .reserved_in_leaf_1g = 1ull << 62 | 0x3ffff000,
};

static volatile struct first_stage current_first_stage = {
  .levels = 4,
  .can_update = true,
  .accessed = first_accessed,
  .reserved_in_table = 0,
  .reserved_in_leaf_2m = 0x1fe000,
  .reserved_in_leaf_1g = 0x3fffe000,
};

static inline uint64_t next_address(uint64_t *generator) { return (next_random(generator) & (yardstick_mapped_pages - 1)) << 12; }

uint64_t yardstick_walk(uint64_t count) {
  const struct second_stage format = current_second_stage;
  uint64_t generator = yardstick_seed, sum = 0;
  for (uint64_t index = 0; index < count; index++) sum += second_stage_walk(&format, tables_root, next_address(&generator));
  return sum;
}

uint64_t yardstick_first_stage_walk(uint64_t count) {
  const struct first_stage format = current_first_stage;
  uint64_t generator = yardstick_seed, sum = 0;
  for (uint64_t index = 0; index < count; index++) {
    sum += first_stage_walk(&format, NULL, 0, tables_first_root, next_address(&generator));
  }
  return sum;
}

uint64_t yardstick_nested_walk(uint64_t count) {
  const struct first_stage first = current_first_stage;
  const struct second_stage second = current_second_stage;
  uint64_t generator = yardstick_seed, sum = 0;
  for (uint64_t index = 0; index < count; index++) {
    sum += first_stage_walk(&first, &second, tables_identity_root, tables_first_root, next_address(&generator));
  }
  return sum;
}
