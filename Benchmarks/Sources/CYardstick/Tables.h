// Page tables of 4 levels in flat memory.

#ifndef TABLES_H
#define TABLES_H

#include <stdint.h>

extern char *tables_memory;
extern uint64_t tables_size;
/// The root of second-stage tables that map the pages.
extern uint64_t tables_root;
/// The root of first-stage tables that map the pages.
extern uint64_t tables_first_root;
/// The root of second-stage tables that map the tables' memory, and what the first stage maps to, to itself.
extern uint64_t tables_identity_root;

/// Where a word lies; NULL if nothing backs its address.
static inline uint64_t *tables_location(uint64_t address) {
  return address < tables_size ? (uint64_t *)(tables_memory + address) : (uint64_t *)0;
}

/// The byte offset, in its table, of the entry that covers an address.
static inline uint64_t tables_entry_offset(uint64_t address, int shift) { return (address >> shift & 511) << 3; }

#endif
