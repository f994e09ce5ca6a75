import { blob, nu64, u16, u32, u8 } from 'buffer-layout';
import { PM1A_CONTROL_PORT, PM1A_EVENT_PORT, PM_TIMER_PORT, SCI_IRQ } from '../devices/legacy/acpi-pm.js';
import { RESET_CONTROL_PORT } from '../devices/legacy/reset-control.js';
import { CENTURY } from '../devices/legacy/rtc-time.js';
import { ascii, encode, structure } from '../vmm/layout.js';
import {
  BYTE_ACCESS,
  DWORD_ACCESS,
  NO_REGISTER,
  WORD_ACCESS,
  genericAddress,
  portRegister,
  type GenericAddress,
} from './generic-address.js';
import { table } from './table.js';

interface FadtBody {
  readonly firmwareControl: number;
  readonly dsdt: number;
  readonly preferredPmProfile: number;
  readonly sciInterrupt: number;
  readonly smiCommand: number;
  readonly acpiEnable: number;
  readonly acpiDisable: number;
  readonly s4BiosRequest: number;
  readonly pstateControl: number;
  readonly pm1aEventBlock: number;
  readonly pm1bEventBlock: number;
  readonly pm1aControlBlock: number;
  readonly pm1bControlBlock: number;
  readonly pm2ControlBlock: number;
  readonly pmTimerBlock: number;
  readonly gpe0Block: number;
  readonly gpe1Block: number;
  readonly pm1EventLength: number;
  readonly pm1ControlLength: number;
  readonly pm2ControlLength: number;
  readonly pmTimerLength: number;
  readonly gpe0Length: number;
  readonly gpe1Length: number;
  readonly gpe1Base: number;
  readonly cstControl: number;
  readonly c2Latency: number;
  readonly c3Latency: number;
  readonly flushSize: number;
  readonly flushStride: number;
  readonly dutyOffset: number;
  readonly dutyWidth: number;
  readonly dayAlarm: number;
  readonly monthAlarm: number;
  readonly century: number;
  readonly bootArchitecture: number;
  readonly flags: number;
  readonly resetRegister: GenericAddress;
  readonly resetValue: number;
  readonly armBootArchitecture: number;
  readonly minorVersion: number;
  readonly xFirmwareControl: number;
  readonly xDsdt: number;
  readonly xPm1aEventBlock: GenericAddress;
  readonly xPm1bEventBlock: GenericAddress;
  readonly xPm1aControlBlock: GenericAddress;
  readonly xPm1bControlBlock: GenericAddress;
  readonly xPm2ControlBlock: GenericAddress;
  readonly xPmTimerBlock: GenericAddress;
  readonly xGpe0Block: GenericAddress;
  readonly xGpe1Block: GenericAddress;
  readonly sleepControl: GenericAddress;
  readonly sleepStatus: GenericAddress;
  readonly hypervisorVendor: string;
}

/** What is behind the header (ACPI 6.5, 5.2.9, table 5.9). */
const BODY = structure<FadtBody>(
  [
    u32('firmwareControl'),
    u32('dsdt'),
    blob(1), // INT_MODEL of ACPI 1.0
    u8('preferredPmProfile'),
    u16('sciInterrupt'),
    u32('smiCommand'),
    u8('acpiEnable'),
    u8('acpiDisable'),
    u8('s4BiosRequest'),
    u8('pstateControl'),
    u32('pm1aEventBlock'),
    u32('pm1bEventBlock'),
    u32('pm1aControlBlock'),
    u32('pm1bControlBlock'),
    u32('pm2ControlBlock'),
    u32('pmTimerBlock'),
    u32('gpe0Block'),
    u32('gpe1Block'),
    u8('pm1EventLength'),
    u8('pm1ControlLength'),
    u8('pm2ControlLength'),
    u8('pmTimerLength'),
    u8('gpe0Length'),
    u8('gpe1Length'),
    u8('gpe1Base'),
    u8('cstControl'),
    u16('c2Latency'),
    u16('c3Latency'),
    u16('flushSize'),
    u16('flushStride'),
    u8('dutyOffset'),
    u8('dutyWidth'),
    u8('dayAlarm'),
    u8('monthAlarm'),
    u8('century'),
    u16('bootArchitecture'),
    blob(1),
    u32('flags'),
    genericAddress('resetRegister'),
    u8('resetValue'),
    u16('armBootArchitecture'),
    u8('minorVersion'),
    nu64('xFirmwareControl'),
    nu64('xDsdt'),
    genericAddress('xPm1aEventBlock'),
    genericAddress('xPm1bEventBlock'),
    genericAddress('xPm1aControlBlock'),
    genericAddress('xPm1bControlBlock'),
    genericAddress('xPm2ControlBlock'),
    genericAddress('xPmTimerBlock'),
    genericAddress('xGpe0Block'),
    genericAddress('xGpe1Block'),
    genericAddress('sleepControl'),
    genericAddress('sleepStatus'),
    ascii(8, 'hypervisorVendor'),
  ],
  276 - 36,
);

/** ACPI 6.5. */
const REVISION = 6;
const MINOR_VERSION = 5;

const PM1_EVENT_LENGTH = 4;
const PM1_CONTROL_LENGTH = 2;
const PM_TIMER_LENGTH = 4;

/** Latencies above 100 µs and 1000 µs say that there is no C2 and no C3. */
const NO_C2 = 101;
const NO_C3 = 1001;

/** IAPC_BOOT_ARCH (5.2.9.3). */
const LEGACY_DEVICES = 1 << 0;
const HAS_8042 = 1 << 1;
const VGA_NOT_PRESENT = 1 << 2;
const CMOS_RTC_NOT_PRESENT = 1 << 5;

/** Fixed feature flags (5.2.9, table 5.10). */
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
/** The sleep button is not a fixed feature: there is none. With PWR_BUTTON clear, the power button is one. */
const SLP_BUTTON = 1 << 5;
/** RTC wake-up does not set RTC_STS: there is no state to wake up from. */
const FIX_RTC = 1 << 6;
const RESET_REG_SUP = 1 << 10;

/** A hard reset: SYS_RST and RST_CPU. */
const RESET_VALUE = 0x06;

/** Addresses of the tables to which the FADT leads. */
export interface FadtLinks {
  readonly facs: number;
  readonly dsdt: number;
}

/** What of the mainboard the FADT tells. */
export interface FadtParts {
  readonly pci: boolean;
  readonly rtc: boolean;
  readonly keyboard: boolean;
}

/**
 * Fixed ACPI Description Table (ACPI 6.5, 5.2.9), "FACP" by its signature: a PC without legacy mode, that is without
 * SMI command port, on which ACPI is always enabled. No general-purpose events, and no sleep states but S5.
 */
export function fadt({ facs, dsdt }: FadtLinks, parts: FadtParts): Uint8Array {
  const body = encode(BODY, {
    firmwareControl: facs,
    dsdt,
    preferredPmProfile: 0,
    sciInterrupt: SCI_IRQ,
    smiCommand: 0,
    acpiEnable: 0,
    acpiDisable: 0,
    s4BiosRequest: 0,
    pstateControl: 0,
    pm1aEventBlock: PM1A_EVENT_PORT,
    pm1bEventBlock: 0,
    pm1aControlBlock: PM1A_CONTROL_PORT,
    pm1bControlBlock: 0,
    pm2ControlBlock: 0,
    pmTimerBlock: PM_TIMER_PORT,
    gpe0Block: 0,
    gpe1Block: 0,
    pm1EventLength: PM1_EVENT_LENGTH,
    pm1ControlLength: PM1_CONTROL_LENGTH,
    pm2ControlLength: 0,
    pmTimerLength: PM_TIMER_LENGTH,
    gpe0Length: 0,
    gpe1Length: 0,
    gpe1Base: 0,
    cstControl: 0,
    c2Latency: NO_C2,
    c3Latency: NO_C3,
    flushSize: 0,
    flushStride: 0,
    dutyOffset: 0,
    dutyWidth: 0,
    dayAlarm: 0,
    monthAlarm: 0,
    century: parts.rtc ? CENTURY : 0,
    bootArchitecture: bootArchitecture(parts),
    flags: WBINVD | PROC_C1 | SLP_BUTTON | FIX_RTC | RESET_REG_SUP,
    resetRegister: portRegister(RESET_CONTROL_PORT, 1, BYTE_ACCESS),
    resetValue: RESET_VALUE,
    armBootArchitecture: 0,
    minorVersion: MINOR_VERSION,
    // For a FACS above 4 GiB alone: who finds both takes them for two.
    xFirmwareControl: 0,
    xDsdt: dsdt,
    xPm1aEventBlock: portRegister(PM1A_EVENT_PORT, PM1_EVENT_LENGTH, WORD_ACCESS),
    xPm1bEventBlock: NO_REGISTER,
    xPm1aControlBlock: portRegister(PM1A_CONTROL_PORT, PM1_CONTROL_LENGTH, WORD_ACCESS),
    xPm1bControlBlock: NO_REGISTER,
    xPm2ControlBlock: NO_REGISTER,
    xPmTimerBlock: portRegister(PM_TIMER_PORT, PM_TIMER_LENGTH, DWORD_ACCESS),
    xGpe0Block: NO_REGISTER,
    xGpe1Block: NO_REGISTER,
    sleepControl: NO_REGISTER,
    sleepStatus: NO_REGISTER,
    hypervisorVendor: 'TSVMM',
  });
  return table('FACP', REVISION, body);
}

function bootArchitecture({ pci, rtc, keyboard }: FadtParts): number {
  return (
    // Serial ports in their places alone make no legacy device: they are in the DSDT.
    (pci ? LEGACY_DEVICES : 0) |
    (keyboard ? HAS_8042 : 0) |
    VGA_NOT_PRESENT |
    (rtc ? 0 : CMOS_RTC_NOT_PRESENT)
  );
}
