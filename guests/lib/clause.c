#include "lib/clause.h"

#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/lapic.h"
#include "lib/pic.h"
#include "lib/print.h"
#include "lib/wait.h"

static uint32_t lines;

void clauses_begin(void)
{
  // Firmware leaves the PIC as it was for itself.
  pic_mask_all();
  idt_init();
  lapic_enable();
}

static bool begin(const char *id, bool ok)
{
  lines++;
  put_str(ok ? "ok " : "not ok ");
  put_str(id);
  return ok;
}

bool clause(const char *id, bool ok)
{
  begin(id, ok);
  put_char('\n');
  return ok;
}

bool clause_value(const char *id, bool ok, uint64_t value)
{
  if (!begin(id, ok)) {
    put_char(' ');
    put_hex(value);
  }
  put_char('\n');
  return ok;
}

void clause_skip(const char *id, const char *why)
{
  lines++;
  put_str("skip ");
  put_str(id);
  put_char(' ');
  put_str(why);
  put_char('\n');
}

bool clause_ask(const char *what, bool (*done)(void))
{
  put_str("ask ");
  put_str(what);
  put_char('\n');
  bool happened = wait_until(done);
  // Who was asked may have said something too.
  put_char('\n');
  return happened;
}

void clauses_end(void)
{
  put_str("end ");
  put_dec(lines);
  put_char('\n');
  out32(DEBUG_EXIT, 0);
  halt_for_ever();
}
