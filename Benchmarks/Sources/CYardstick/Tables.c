#include "Tables.h"

#include "CYardstick.h"

#include <stddef.h>
#include <sys/mman.h>

static const uint64_t frame_base = 1ull << 30;

// First-stage entries: present, writable, open to user requests, accessed; leaves are dirty too.
enum { second_stage_flags = 0x3, first_stage_flags = 0x27, first_stage_leaf_flags = 0x67 };

char *tables_memory;
uint64_t tables_size = 64ull << 20;
uint64_t tables_root, tables_first_root, tables_identity_root;
static uint64_t next_frame = 4096;

static uint64_t allocate_frame(void) {
  uint64_t frame = next_frame;
  next_frame += 4096;
  return frame;
}

static void map(uint64_t root, uint64_t address, uint64_t out, uint64_t table_flags, uint64_t leaf_flags) {
  uint64_t table = root;
  for (int shift = 39; shift > 12; shift -= 9) {
    uint64_t *entry = (uint64_t *)(tables_memory + table + tables_entry_offset(address, shift));
    if (!*entry) *entry = allocate_frame() | table_flags;
    table = *entry & ~4095ull;
  }
  *(uint64_t *)(tables_memory + table + tables_entry_offset(address, 12)) = out | leaf_flags;
}

bool yardstick_prepare(void) {
  tables_memory = mmap(NULL, tables_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (tables_memory == MAP_FAILED) return false;
  tables_root = allocate_frame();
  tables_first_root = allocate_frame();
  tables_identity_root = allocate_frame();
  for (uint64_t page = 0; page < yardstick_mapped_pages; page++) {
    uint64_t address = page << 12, out = address + frame_base;
    map(tables_root, address, out, second_stage_flags, second_stage_flags);
    map(tables_first_root, address, out, first_stage_flags, first_stage_leaf_flags);
    map(tables_identity_root, out, out, second_stage_flags, second_stage_flags);
  }
  for (uint64_t address = 0; address < tables_size; address += 4096) {
    map(tables_identity_root, address, address, second_stage_flags, second_stage_flags);
  }
  return true;
}
