import type { ApicBus } from './apic/apic-bus.js';
import type { DeliveryMode } from './apic/apic-message.js';

/** What a guest calls by VMCALL or VMMCALL (Linux, Documentation/virt/kvm/x86/hypercalls.rst). */
export interface Hypercall {
  /** RAX. */
  readonly number: bigint;
  /** RBX, RCX, RDX, RSI. */
  readonly arguments: readonly [bigint, bigint, bigint, bigint];
  /** Made in 64-bit mode: arguments have 64 bits, else 32. */
  readonly wide: boolean;
  readonly cpl: number;
}

const VAPIC_POLL_IRQ = 1n;
const SEND_IPI = 10n;

const EPERM = -1n;
const EINVAL = -22n;
const ENOSYS = -1000n;

/** Destination shorthand and logical destinations, which SEND_IPI does not have. */
const ICR_DESTINATION = 0xc_0800n;

/** Serves one of KVM's hypercalls. @returns what RAX is to be: a result, or a negative error number */
export function serveHypercall(call: Hypercall, bus: ApicBus): bigint {
  if (call.cpl !== 0) return EPERM;
  switch (call.number) {
    case VAPIC_POLL_IRQ:
      return 0n;
    case SEND_IPI:
      return sendIpi(call, bus);
    default:
      return ENOSYS;
  }
}

/** An IPI to the APIC IDs whose bits are set in two words, from a lowest ID up. @returns to how many */
function sendIpi({ arguments: [low, high, lowest, icr], wide }: Hypercall, bus: ApicBus): bigint {
  if (icr & ICR_DESTINATION) return EINVAL;
  const width = wide ? 64n : 32n;
  const bits = BigInt.asUintN(Number(width), low) | (BigInt.asUintN(Number(width), high) << width);
  const message = {
    logical: false,
    mode: Number((icr >> 8n) & 7n) as DeliveryMode,
    vector: Number(icr & 0xffn),
    level: false,
  };
  let sent = 0n;
  for (let i = 0n; bits >> i !== 0n; i++) {
    if (!((bits >> i) & 1n)) continue;
    // No ID is as large as the one that stands for all.
    const destination = Number(BigInt.asUintN(32, lowest) + i);
    if (bus.has(destination)) {
      bus.send({ ...message, destination });
      sent++;
    }
  }
  return sent;
}
