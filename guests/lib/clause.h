// Statements of a specification and what a guest has found out about them, a line each: `ok <id>`,
// `not ok <id> <what was there>`, `skip <id> <why>`. An id is that of tsvmm's catalogue. One statement may be looked at
// often: it is broken when it was broken once.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Interrupts can be taken from then on.
void clauses_begin(void);

// Returns `ok`.
bool clause(const char *id, bool ok);
// The same with what was there, for people.
bool clause_value(const char *id, bool ok, uint64_t value);
// Cannot be looked at on this machine.
void clause_skip(const char *id, const char *why);

// Asks those who run the machine for something, by a line `ask <what>`, and waits until `done` says that it has happened;
// false when it has not.
bool clause_ask(const char *what, bool (*done)(void));

// `end <number of lines>`, then ends the machine with 0, whatever was broken: that is for the reader to judge.
_Noreturn void clauses_end(void);
