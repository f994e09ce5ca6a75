// The guests' line protocol (guests/README.md).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define DEBUG_EXIT 0xF4

// Each program defines its own: the first part of the name of every check.
extern const char guest_name[];

// One line `<guest>.<name> PASS|FAIL <value>`.
void check(const char *name, bool ok);
void check_text(const char *name, bool ok, const char *value);
void check_dec(const char *name, bool ok, uint64_t value);
void check_hex(const char *name, bool ok, uint64_t value);

// The same for a value that the caller prints between the two, without blanks.
void check_begin(const char *name, bool ok);
void check_end(void);

// `<prefix><number><suffix>` in a buffer that the next call overwrites.
const char *numbered(const char *prefix, uint64_t number, const char *suffix);

// One line `# <text>`, `# <text> <value>`.
void note(const char *text);
void note_dec(const char *text, uint64_t value);
void note_hex(const char *text, uint64_t value);

// `<guest> END <passed> <failed>`; finish() prints it, then ends the machine.
void print_summary(void);
_Noreturn void finish(void);
