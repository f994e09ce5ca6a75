// Memory beyond the identity map of 4 GiB that every guest starts with.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Adds the 2 MiB around the address to the identity map. False when it lies beyond 512 GiB or the tables are used up.
bool map_identity(uint64_t address);
