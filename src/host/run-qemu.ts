import { spawn } from 'node:child_process';
import {
  DISK_BYTES,
  GUEST_REQUEST,
  RESIZE_STEP,
  type ConformanceProgram,
  type GuestRequest,
} from '../conformance/device/programs.js';
import { ConfigError } from '../errors.js';

export interface QemuRun {
  readonly qemu: string;
  readonly kernel: string;
  readonly program: ConformanceProgram;
  /** The disk that is written to, and the read-only one. */
  readonly disks: readonly [string, string];
  readonly timeoutMs: number;
}

const DEBUG_EXIT_0 = 1;
const MIB = 2 ** 20;
const COMMON = ['-accel', 'tcg', '-m', '256M', '-display', 'none', '-nodefaults', '-no-reboot'];
/** Between COM1 and QEMU's monitor on one terminal. */
const SWITCH = '\x01c';
const SERIAL = ['-serial', 'mon:stdio', '-serial', 'null', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
const RNG = ['-object', 'rng-random,id=rng0,filename=/dev/urandom'];

/** Virtio devices as tsvmm's machine has them for the same programs, as far as QEMU can. */
function devices(
  { bus, modernOnly }: ConformanceProgram,
  [disk, readOnly]: readonly [string, string],
): readonly string[] {
  if (bus === 'mmio') {
    return [
      ...['-M', 'microvm,isa-serial=on,rtc=on,pit=on,pic=on', '-global', 'virtio-mmio.force-legacy=false'],
      ...[...RNG, '-device', 'virtio-rng-device,rng=rng0'],
      ...['-drive', `if=none,id=disk0,format=raw,file=${disk}`, '-device', 'virtio-blk-device,drive=disk0'],
    ];
  }
  return [
    ...(modernOnly ? ['-global', 'virtio-pci.disable-legacy=on'] : []),
    ...['-M', 'pc', ...RNG, '-device', 'virtio-rng-pci,rng=rng0,packed=on'],
    ...['-drive', `if=none,id=disk0,format=raw,discard=unmap,file=${disk}`],
    ...['-device', 'virtio-blk-pci,drive=disk0,packed=on'],
    ...['-drive', `if=none,id=disk1,format=raw,readonly=on,file=${readOnly}`],
    ...['-device', 'virtio-blk-pci,drive=disk1'],
    ...['-netdev', 'hubport,id=net0,hubid=0', '-device', 'virtio-net-pci,netdev=net0,host_mtu=1500,romfile='],
    ...['-netdev', 'hubport,id=net1,hubid=0', '-device', 'virtio-net-pci,netdev=net1,romfile='],
    ...[
      '-chardev',
      'null,id=console0',
      '-device',
      'virtio-serial-pci',
      '-device',
      'virtconsole,chardev=console0',
    ],
  ];
}

/**
 * Runs a guest program on QEMU until it ends the machine, and gives back what it printed.
 * @returns its output, and whether it ended by itself
 * @throws ConfigError when QEMU cannot be started
 */
export async function runQemu(run: QemuRun): Promise<{ readonly text: string; readonly ended: boolean }> {
  const { qemu, kernel, program, disks, timeoutMs } = run;
  const child = spawn(qemu, [...COMMON, ...devices(program, disks), ...SERIAL, '-kernel', kernel], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let text = '';
  let answered = 0;
  let size = DISK_BYTES;
  const commands: Readonly<Record<GuestRequest, () => string>> = {
    resize: () => `block_resize disk0 ${(size += RESIZE_STEP) / MIB}M\n`,
    'link-down': () => 'set_link net0 off\n',
    'link-up': () => 'set_link net0 on\nannounce_self\n',
  };
  const complaints: Buffer[] = [];
  // It may end while it is written to.
  child.stdin.on('error', () => undefined);
  child.stdout.setEncoding('latin1').on('data', (data: string) => {
    text += data;
    const request = GUEST_REQUEST.exec(text.slice(answered));
    if (!request) return;
    answered += request.index + request[0].length;
    child.stdin.write(`${SWITCH}${commands[request[1] as GuestRequest]()}${SWITCH}`);
  });
  child.stderr.on('data', (data: Buffer) => complaints.push(data));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill();
  }, timeoutMs);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    // isa-debug-exit makes a status of the value v: 2v + 1. Others are QEMU's own, and it has said why.
    const ended = status === DEBUG_EXIT_0;
    if (!ended && !late && text === '') {
      const said = Buffer.concat(complaints).toString().trim().split('\n').at(-1);
      throw new ConfigError(`${qemu} has ended with ${status}: ${said}`, { qemu });
    }
    return { text, ended };
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`${qemu} cannot be started: ${(cause as Error).message}`, { qemu }, { cause });
  } finally {
    clearTimeout(timer);
  }
}
