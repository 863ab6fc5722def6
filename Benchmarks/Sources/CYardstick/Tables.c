#include "Tables.h"

#include "CYardstick.h"

#include <stddef.h>
#include <sys/mman.h>

static const uint64_t frame_base = 1ull << 30;

char *tables_memory;
uint64_t tables_size = 64ull << 20;
uint64_t tables_root;
static uint64_t next_frame = 4096;

static uint64_t allocate_frame(void) {
  uint64_t frame = next_frame;
  next_frame += 4096;
  return frame;
}

static void map(uint64_t address, uint64_t out) {
  uint64_t table = tables_root;
  for (int shift = 39; shift > 12; shift -= 9) {
    uint64_t *entry = (uint64_t *)(tables_memory + table + tables_entry_offset(address, shift));
    if (!*entry) *entry = allocate_frame() | 3;
    table = *entry & ~4095ull;
  }
  *(uint64_t *)(tables_memory + table + tables_entry_offset(address, 12)) = out | 3;
}

bool yardstick_prepare(void) {
  tables_memory = mmap(NULL, tables_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (tables_memory == MAP_FAILED) return false;
  tables_root = allocate_frame();
  for (uint64_t page = 0; page < yardstick_mapped_pages; page++) map(page << 12, (page << 12) + frame_base);
  return true;
}
