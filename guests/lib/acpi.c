#include "lib/acpi.h"

#include <stddef.h>

#include "lib/strings.h"

#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_XSDT 24
#define HEADER 36
#define TABLE_LENGTH 4
#define FADT_DSDT 40
#define MCFG_ALLOCATIONS 44

// AML, 20.2.
#define ZERO_OP 0x00
#define ONE_OP 0x01
#define BYTE_PREFIX 0x0A
#define WORD_PREFIX 0x0B
#define DWORD_PREFIX 0x0C
#define PACKAGE_OP 0x12
#define NAME_LENGTH 4

static uint64_t little_endian(const uint8_t *at, unsigned size)
{
  uint64_t value = 0;
  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t)at[i] << 8 * i;
  return value;
}

static uint32_t length_of(const uint8_t *table)
{
  return (uint32_t)little_endian(table + TABLE_LENGTH, 4);
}

static const uint8_t *pointer(uint64_t address)
{
  return (const uint8_t *)(uintptr_t)address;
}

static const uint8_t *table_of(uint64_t rsdp, const char *signature)
{
  if (rsdp == 0)
    return NULL;
  const uint8_t *root = pointer(rsdp);
  bool extended = root[RSDP_REVISION] >= 2;
  unsigned width = extended ? 8 : 4;
  const uint8_t *list = pointer(little_endian(root + (extended ? RSDP_XSDT : RSDP_RSDT), width));
  for (const uint8_t *entry = list + HEADER; entry + width <= list + length_of(list); entry += width) {
    const uint8_t *table = pointer(little_endian(entry, width));
    if (memcmp(table, signature, NAME_LENGTH) == 0)
      return table;
  }
  return NULL;
}

uint64_t acpi_ecam(uint64_t rsdp)
{
  const uint8_t *mcfg = table_of(rsdp, "MCFG");
  return mcfg == NULL ? 0 : little_endian(mcfg + MCFG_ALLOCATIONS, 8);
}

// PkgLength, 20.2.4: steps over it and returns the end of the package.
static const uint8_t *package_end(const uint8_t **at)
{
  const uint8_t *start = *at;
  unsigned following = *start >> 6;
  uint32_t length = following == 0 ? *start & 0x3Fu : *start & 0x0Fu;
  length |= (uint32_t)little_endian(start + 1, following) << 4;
  *at = start + 1 + following;
  return start + length;
}

static bool constant(const uint8_t **at, uint32_t *value)
{
  uint8_t prefix = *(*at)++;
  unsigned size = prefix == BYTE_PREFIX ? 1 : prefix == WORD_PREFIX ? 2 : prefix == DWORD_PREFIX ? 4 : 0;
  if (size == 0) {
    *value = prefix;
    return prefix == ZERO_OP || prefix == ONE_OP;
  }
  *value = (uint32_t)little_endian(*at, size);
  *at += size;
  return true;
}

// Steps over one package of address, pin, source and source index.
static bool route(const uint8_t **at, uint32_t fields[4])
{
  if (*(*at)++ != PACKAGE_OP)
    return false;
  const uint8_t *end = package_end(at);
  if (*(*at)++ != 4)
    return false;
  for (unsigned i = 0; i < 4; i++)
    if (!constant(at, &fields[i]))
      return false;
  return *at == end;
}

bool acpi_pci_interrupt(uint64_t rsdp, unsigned slot, unsigned intx, uint32_t *gsi)
{
  const uint8_t *fadt = table_of(rsdp, "FACP");
  if (fadt == NULL)
    return false;
  const uint8_t *dsdt = pointer(little_endian(fadt + FADT_DSDT, 4)), *limit = dsdt + length_of(dsdt);
  const uint8_t *at = dsdt + HEADER;
  while (at < limit && memcmp(at, "_PRT", NAME_LENGTH) != 0)
    at++;
  // Behind the name is the package, or first what makes it a method's result.
  while (at < limit && *at != PACKAGE_OP)
    at++;
  if (at++ == limit)
    return false;
  const uint8_t *end = package_end(&at);
  uint32_t fields[4];
  for (at++; at < end;) {
    if (!route(&at, fields))
      return false;
    if (fields[0] == (slot << 16 | 0xFFFF) && fields[1] == intx - 1 && fields[2] == 0) {
      *gsi = fields[3];
      return true;
    }
  }
  return false;
}
