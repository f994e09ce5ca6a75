import type { PciIdentity } from './header.js';

/** Host bridges by the names that bhyve has for them; each is a function with nothing but an identity. */
export const HOST_BRIDGES: Readonly<Record<'hostbridge' | 'amd_hostbridge', PciIdentity>> = {
  /** What bhyve shows: NetApp's vendor id, device 0x1275. */
  hostbridge: { vendorId: 0x1275, deviceId: 0x1275, classCode: 0x06_00_00 },
  amd_hostbridge: { vendorId: 0x1022, deviceId: 0x7432, classCode: 0x06_00_00 },
};
export type HostBridgeName = keyof typeof HOST_BRIDGES;

/** The ISA bridge behind which a PC's legacy devices lie: Intel's 82371SB (PIIX3), function 0. */
export const ISA_BRIDGE: PciIdentity = {
  vendorId: 0x8086,
  deviceId: 0x7000,
  classCode: 0x06_01_00,
};
