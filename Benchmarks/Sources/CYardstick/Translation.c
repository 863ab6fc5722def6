// The bare work of a translation: tags, stamps and tables, and no check but that for presence.

#include "CYardstick.h"
#include "Generator.h"
#include "Tables.h"

#include <string.h>

enum { sets = 8, ways = 8 };

struct entry {
  uint64_t tag, context, out, stamp;
};

static struct entry cache[sets][ways];
static uint64_t tick;

static inline struct entry *lookup(uint64_t page, uint64_t context) {
  struct entry *set = cache[page % sets];
  for (int way = 0; way < ways; way++) {
    if (set[way].tag == page && set[way].context == context) {
      set[way].stamp = ++tick;
      return &set[way];
    }
  }
  return NULL;
}

static inline void fill(uint64_t page, uint64_t context, uint64_t out) {
  struct entry *set = cache[page % sets], *victim = set;
  for (int way = 1; way < ways; way++) {
    if (set[way].stamp < victim->stamp) victim = &set[way];
  }
  *victim = (struct entry){page, context, out, ++tick};
}

// 0 if nothing is mapped there.
static inline uint64_t walk(uint64_t address) {
  uint64_t table = tables_root;
  for (int shift = 39; shift >= 12; shift -= 9) {
    uint64_t entry = *(uint64_t *)(tables_memory + table + tables_entry_offset(address, shift));
    if (!(entry & 3)) return 0;
    table = entry & ~4095ull & 0xfffffffffffffull;
  }
  return table | (address & 4095);
}

// The same through first-stage tables whose every entry, and whose page, a second stage translates.
static inline uint64_t walk_second(uint64_t address) {
  uint64_t table = tables_identity_root;
  for (int shift = 39; shift >= 12; shift -= 9) {
    uint64_t entry = *(uint64_t *)(tables_memory + table + tables_entry_offset(address, shift));
    if (!(entry & 3)) return 0;
    table = entry & ~4095ull & 0xfffffffffffffull;
  }
  return table | (address & 4095);
}

static inline uint64_t walk_nested(uint64_t address) {
  uint64_t table = tables_first_root;
  for (int shift = 39; shift >= 12; shift -= 9) {
    uint64_t place = walk_second(table + tables_entry_offset(address, shift));
    uint64_t entry = *(uint64_t *)(tables_memory + place);
    if (!(entry & 1)) return 0;
    table = entry & ~4095ull & 0xfffffffffffffull;
  }
  return walk_second(table | (address & 4095));
}

uint64_t yardstick_translate(uint64_t count, uint64_t pages) {
  uint64_t generator = yardstick_seed, sum = 0;
  memset(cache, 0, sizeof cache);
  for (uint64_t index = 0; index < count; index++) {
    uint64_t page = next_random(&generator) & (pages - 1);
    struct entry *entry = lookup(page, 7);
    if (entry) {
      sum += entry->out;
      continue;
    }
    uint64_t out = walk(page << 12);
    if (!out) return 0;
    fill(page, 7, out);
    sum += out;
  }
  return sum;
}

uint64_t yardstick_translate_nested(uint64_t count, uint64_t pages) {
  uint64_t generator = yardstick_seed, sum = 0;
  memset(cache, 0, sizeof cache);
  for (uint64_t index = 0; index < count; index++) {
    uint64_t page = next_random(&generator) & (pages - 1);
    struct entry *entry = lookup(page, 7);
    if (entry) {
      sum += entry->out;
      continue;
    }
    uint64_t out = walk_nested(page << 12);
    if (!out) return 0;
    fill(page, 7, out);
    sum += out;
  }
  return sum;
}
