// Page tables of 4 levels in flat memory.

#ifndef TABLES_H
#define TABLES_H

#include <stdint.h>

extern char *tables_memory;
extern uint64_t tables_size;
extern uint64_t tables_root;

/// The byte offset, in its table, of the entry that covers an address.
static inline uint64_t tables_entry_offset(uint64_t address, int shift) { return (address >> shift & 511) << 3; }

#endif
