// A reader of the trace container; the documentation of the Swift type `TraceFormat` describes the file.

#include "CYardstick.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { batch_size = 256, field_count = 14, readable_behind_content = 8 };

enum field {
  field_time, field_requester, field_pasid, field_operation, field_address, field_length, field_physical, field_permissions,
  field_attributes, field_group, field_scope, field_domain, field_value, field_unit
};

static const uint64_t largest[field_count] = {
  UINT64_MAX >> 1, UINT32_MAX, 0x100000, 13, UINT64_MAX, UINT64_MAX, UINT64_MAX, 7, 0x1ff, UINT16_MAX, 17, UINT32_MAX, UINT32_MAX, UINT16_MAX,
};

struct record {
  uint64_t time, address, length, physical;
  uint32_t requester, pasid, domain, value;
  uint16_t attributes, group, unit;
  uint8_t operation, permissions, scope;
};

struct column {
  enum field field;
  bool differences;
  unsigned width, shift;
  uint64_t mask, base, value;
  const uint8_t *start;
  uint64_t bit;
};

struct block {
  uint32_t records, columns, decoded;
  uint64_t last_time;
  struct column column[field_count];
  uint64_t values[batch_size];
  struct record batch[batch_size];
};

static uint32_t word32(const uint8_t *place) {
  uint32_t word;
  memcpy(&word, place, sizeof word);
  return word;
}

static inline uint64_t word64(const uint8_t *place) {
  uint64_t word;
  memcpy(&word, place, sizeof word);
  return word;
}

static bool begin(struct block *block, const uint8_t *content, uint64_t size) {
  if (size < 24) return false;
  block->records = word32(content);
  block->columns = word32(content + 4);
  block->decoded = 0;
  if (block->records == 0 || block->records > 65536 || block->columns == 0 || block->columns > field_count) return false;
  uint64_t data = 24 + block->columns * 20ull;
  if (size < data) return false;
  for (uint32_t index = 0; index < block->columns; index++) {
    const uint8_t *descriptor = content + 24 + index * 20;
    struct column *column = &block->column[index];
    column->field = descriptor[0];
    column->differences = descriptor[1];
    column->width = descriptor[2];
    column->shift = descriptor[3];
    if (column->field >= field_count || (column->width > 57 && column->width != 64) || column->shift > 63) return false;
    column->mask = column->width == 0 ? 0 : UINT64_MAX >> (64 - column->width);
    column->base = word64(descriptor + 4);
    column->value = (column->field == field_time ? word64(content + 16) : word64(descriptor + 12)) - column->base;
    column->start = content + data;
    column->bit = 0;
    data += ((uint64_t)column->width * block->records + 7) / 8;
  }
  memset(block->batch, 0, sizeof block->batch);
  return data == size;
}

static inline uint64_t stored(const struct column *column, uint64_t bit) {
  return word64(column->start + (bit >> 3)) >> (bit & 7) & column->mask;
}

// Fills the values of a column; false if one is too large, or a time smaller than the one before.
static bool unpack(struct block *block, struct column *column, uint32_t count) {
  uint64_t *values = block->values;
  uint64_t most = 0, bit = column->bit, base = column->base;
  unsigned width = column->width, shift = column->shift;
  bool descends = false;
  if (column->differences) {
    uint64_t value = column->value;
    for (uint32_t index = 0; index < count; index++) {
      uint64_t next = value + base + (stored(column, bit) << shift);
      descends |= index > 0 && next < value;
      value = next;
      values[index] = value;
      most = value > most ? value : most;
      bit += width;
    }
    column->value = value;
  } else {
    for (uint32_t index = 0; index < count; index++) {
      uint64_t value = base + (stored(column, bit) << shift);
      values[index] = value;
      most = value > most ? value : most;
      bit += width;
    }
  }
  column->bit = bit;
  if (column->field == field_time) {
    if (descends || values[0] < block->last_time) return false;
    block->last_time = values[count - 1];
  }
  return most <= largest[column->field];
}

#define SCATTER(member) \
  for (uint32_t index = 0; index < count; index++) batch[index].member = values[index]; \
  break

static void scatter(struct record *restrict batch, const uint64_t *restrict values, enum field field, uint32_t count) {
  switch (field) {
  case field_time: SCATTER(time);
  case field_requester: SCATTER(requester);
  case field_pasid: SCATTER(pasid);
  case field_operation: SCATTER(operation);
  case field_address: SCATTER(address);
  case field_length: SCATTER(length);
  case field_physical: SCATTER(physical);
  case field_permissions: SCATTER(permissions);
  case field_attributes: SCATTER(attributes);
  case field_group: SCATTER(group);
  case field_scope: SCATTER(scope);
  case field_domain: SCATTER(domain);
  case field_value: SCATTER(value);
  case field_unit: SCATTER(unit);
  }
}

// The next records, none at the end of the block; false if they are damaged.
static bool next(struct block *block, uint32_t *count) {
  uint32_t left = block->records - block->decoded;
  *count = left < batch_size ? left : batch_size;
  if (*count == 0) return true;
  for (uint32_t index = 0; index < block->columns; index++) {
    struct column *column = &block->column[index];
    bool constant = column->width == 0 && !column->differences;
    if (constant && block->decoded > 0) continue;
    uint32_t written = constant ? batch_size : *count;
    if (!unpack(block, column, written)) return false;
    scatter(block->batch, block->values, column->field, written);
  }
  block->decoded += *count;
  return true;
}

static bool sum(struct block *block, const uint8_t *content, uint64_t size, struct yardstick_trace *trace) {
  if (!begin(block, content, size)) return false;
  uint32_t count;
  while (true) {
    if (!next(block, &count)) return false;
    if (count == 0) return true;
    for (uint32_t index = 0; index < count; index++) trace->checksum += block->batch[index].address + block->batch[index].time;
    trace->records += count;
  }
}

// Reads and decompresses every block in turn, and decodes it if `block` is not NULL.
static bool read_blocks(int file, struct block *block, struct yardstick_trace *trace) {
  struct stat status;
  uint8_t footer[9];
  if (fstat(file, &status) != 0 || status.st_size < 9) return false;
  uint64_t end = status.st_size;
  if (pread(file, footer, 9, end - 9) != 9 || word32(footer + 5) != 0x8F92EAB1) return false;
  uint64_t frames = word32(footer), table_size = frames * 12;
  if (frames == 0 || end < 9 + table_size) return false;
  uint8_t *table = malloc(table_size);
  uint8_t *stored_frame = NULL, *content = NULL;
  uint64_t stored_capacity = 0, capacity = 0;
  ZSTD_DCtx *context = ZSTD_createDCtx();
  bool sound = table && context && pread(file, table, table_size, end - 9 - table_size) == (ssize_t)table_size;
  uint64_t offset = sound ? word32(table) : 0;
  for (uint64_t frame = 1; sound && frame < frames; frame++) {
    uint64_t stored_size = word32(table + frame * 12), size = word32(table + frame * 12 + 4);
    if (stored_size > stored_capacity) stored_frame = realloc(stored_frame, stored_capacity = stored_size);
    if (size + readable_behind_content > capacity) content = realloc(content, capacity = size + readable_behind_content);
    sound = stored_frame && content && pread(file, stored_frame, stored_size, offset) == (ssize_t)stored_size
      && ZSTD_decompressDCtx(context, content, size, stored_frame, stored_size) == size;
    if (sound && block) sound = sum(block, content, size, trace);
    offset += stored_size;
  }
  ZSTD_freeDCtx(context);
  free(content);
  free(stored_frame);
  free(table);
  return sound;
}

static struct yardstick_trace read_trace(const char *path, bool decodes) {
  struct yardstick_trace trace = {0, 0, false};
  struct block *block = decodes ? calloc(1, sizeof *block) : NULL;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file >= 0 && (block || !decodes)) trace.sound = read_blocks(file, block, &trace);
  if (file >= 0) close(file);
  free(block);
  return trace;
}

struct yardstick_trace yardstick_decode(const char *path) { return read_trace(path, true); }
struct yardstick_trace yardstick_decompress(const char *path) { return read_trace(path, false); }
