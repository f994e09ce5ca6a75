// What the bare machine answers: nothing at unclaimed addresses, the small legacy devices, CPUID and some MSRs.
#include "lib/boot.h"
#include "lib/check.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/io.h"
#include "lib/lapic.h"
#include "lib/print.h"
#include "lib/rtc.h"
#include "lib/strings.h"

#define UNCLAIMED_PORT 0x2F00
#define UNCLAIMED_MMIO 0xFBFFF000u // below the IOAPIC, above where BARs are given out from
#define POST_CODE 0x80
#define DEBUG_CONSOLE 0xE9

#define KEYBOARD_DATA 0x60
#define KEYBOARD_STATUS 0x64
#define KEYBOARD_OUTPUT_FULL 0x01
#define KEYBOARD_INPUT_FULL 0x02
#define KEYBOARD_SELF_TEST 0xAA
#define KEYBOARD_PASSED 0x55

#define CPUID_HYPERVISOR (1u << 31) // leaf 1, ECX
#define EFER_LMA_LME 0x500
#define APIC_BASE_BSP 0x100
#define APIC_BASE_ENABLE 0x800

#define POLLS 1000000

const char guest_name[] = "probe";

static void check_unclaimed(void)
{
  check_hex("port8", in8(UNCLAIMED_PORT) == 0xFF, in8(UNCLAIMED_PORT));
  check_hex("port16", in16(UNCLAIMED_PORT) == 0xFFFF, in16(UNCLAIMED_PORT));
  check_hex("port32", in32(UNCLAIMED_PORT) == 0xFFFFFFFF, in32(UNCLAIMED_PORT));
  out32(UNCLAIMED_PORT, 0);
  check_hex("port-after-write", in32(UNCLAIMED_PORT) == 0xFFFFFFFF, in32(UNCLAIMED_PORT));
  check_hex("mmio8", mmio_read8(UNCLAIMED_MMIO) == 0xFF, mmio_read8(UNCLAIMED_MMIO));
  check_hex("mmio16", mmio_read16(UNCLAIMED_MMIO) == 0xFFFF, mmio_read16(UNCLAIMED_MMIO));
  check_hex("mmio32", mmio_read32(UNCLAIMED_MMIO) == 0xFFFFFFFF, mmio_read32(UNCLAIMED_MMIO));
  check_hex("mmio64", mmio_read64(UNCLAIMED_MMIO) == UINT64_MAX, mmio_read64(UNCLAIMED_MMIO));
  mmio_write32(UNCLAIMED_MMIO, 0);
  check_hex("mmio-after-write", mmio_read32(UNCLAIMED_MMIO) == 0xFFFFFFFF, mmio_read32(UNCLAIMED_MMIO));
}

static void check_debug_ports(void)
{
  out8(POST_CODE, 0x42);
  check("post-code", true);
  check_hex("debug-console", in8(DEBUG_CONSOLE) == DEBUG_CONSOLE, in8(DEBUG_CONSOLE));
}

static bool keyboard_status(uint8_t mask, uint8_t wanted)
{
  for (unsigned polls = 0; polls < POLLS; polls++)
    if ((in8(KEYBOARD_STATUS) & mask) == wanted)
      return true;
  return false;
}

static void check_keyboard_controller(void)
{
  bool ready = keyboard_status(KEYBOARD_INPUT_FULL, 0);
  // A byte that waits would be taken for the answer.
  for (unsigned i = 0; i < 16 && (in8(KEYBOARD_STATUS) & KEYBOARD_OUTPUT_FULL) != 0; i++)
    in8(KEYBOARD_DATA);
  out8(KEYBOARD_STATUS, KEYBOARD_SELF_TEST);
  bool answered = keyboard_status(KEYBOARD_OUTPUT_FULL, KEYBOARD_OUTPUT_FULL);
  uint8_t answer = in8(KEYBOARD_DATA);
  check_hex("i8042-self-test", ready && answered && answer == KEYBOARD_PASSED, answer);
}

static uint8_t from_bcd(uint8_t value, uint8_t register_b)
{
  return register_b & RTC_B_BINARY ? value : (uint8_t)(value / 16 * 10 + value % 16);
}

static void put_two(uint8_t value)
{
  put_char((char)('0' + value / 10 % 10));
  put_char((char)('0' + value % 10));
}

static void check_rtc(void)
{
  static const uint8_t registers[] = {RTC_CENTURY, RTC_YEAR, RTC_MONTH, RTC_DAY, RTC_HOURS, RTC_MINUTES, RTC_SECONDS};
  static const char *const before[] = {"", "", "-", "-", "T", ":", ":"};
  uint8_t values[sizeof registers];
  uint8_t b = rtc_read(RTC_B);
  for (unsigned polls = 0; polls < POLLS && (rtc_read(RTC_A) & RTC_A_UPDATING) != 0; polls++)
    ;
  for (unsigned i = 0; i < sizeof registers; i++)
    values[i] = from_bcd(rtc_read(registers[i]), b);
  check_hex("rtc-valid", (rtc_read(RTC_D) & RTC_D_VALID) != 0, rtc_read(RTC_D));
  check_begin("rtc-time", values[0] >= 19 && values[0] <= 21 && values[1] <= 99 && values[2] >= 1 && values[2] <= 12 &&
                            values[3] >= 1 && values[3] <= 31 && values[4] <= 23 && values[5] <= 59 && values[6] <= 60);
  for (unsigned i = 0; i < sizeof registers; i++) {
    put_str(before[i]);
    put_two(values[i]);
  }
  check_end();
  check_hex("rtc-24-hours", (b & RTC_B_24_HOURS) != 0, b);
}

static void copy_signature(char text[13], uint32_t a, uint32_t b, uint32_t c)
{
  memcpy(text, &a, 4);
  memcpy(text + 4, &b, 4);
  memcpy(text + 8, &c, 4);
  text[12] = '\0';
}

static void check_cpuid(void)
{
  char signature[13];
  struct cpuid leaf = cpuid(0, 0);
  copy_signature(signature, leaf.ebx, leaf.edx, leaf.ecx);
  check_text("cpuid-vendor", signature[0] != '\0', signature);
  check_hex("cpuid-max", leaf.eax >= 1, leaf.eax);
  leaf = cpuid(1, 0);
  check_hex("cpuid-version", leaf.eax != 0, leaf.eax);
  check_dec("cpuid-apic-id", leaf.ebx >> 24 == lapic_id(), leaf.ebx >> 24);
  if ((leaf.ecx & CPUID_HYPERVISOR) == 0) {
    note("no hypervisor bit");
    return;
  }
  leaf = cpuid(0x40000000, 0);
  copy_signature(signature, leaf.ebx, leaf.ecx, leaf.edx);
  check_text("cpuid-hypervisor", true, signature);
  note_hex("hypervisor leaves to", leaf.eax);
}

static void check_msrs(void)
{
  uint64_t first = read_msr(MSR_TSC);
  uint64_t second = read_tsc();
  check("msr-tsc", second >= first);
  uint64_t efer = read_msr(MSR_EFER);
  check_hex("msr-efer", (efer & EFER_LMA_LME) == EFER_LMA_LME, efer);
  uint64_t base = read_msr(MSR_APIC_BASE);
  check_hex("msr-apic-base", base == (LAPIC_BASE | APIC_BASE_BSP | APIC_BASE_ENABLE), base);
  check_hex("lapic-version", (lapic_read(LAPIC_VERSION) & 0xF0) == 0x10, lapic_read(LAPIC_VERSION));
}

void kmain(const struct boot_info *boot)
{
  (void)boot;
  idt_init();
  check_unclaimed();
  check_debug_ports();
  check_keyboard_controller();
  check_rtc();
  check_cpuid();
  check_msrs();
  finish();
}
