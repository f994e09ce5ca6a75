/** Feature bits of console devices (virtio 1.3, 5.3.3). */
export const ConsoleFeature = { SIZE: 1n << 0n, MULTIPORT: 1n << 1n, EMERG_WRITE: 1n << 2n } as const;

/** Kinds of control messages (5.3.6.2). */
export const ControlEvent = {
  DEVICE_READY: 0,
  DEVICE_ADD: 1,
  DEVICE_REMOVE: 2,
  PORT_READY: 3,
  CONSOLE_PORT: 4,
  RESIZE: 5,
  PORT_OPEN: 6,
  PORT_NAME: 7,
} as const;

export type ControlEvent = (typeof ControlEvent)[keyof typeof ControlEvent];

/** Bytes of struct virtio_console_control: port number, event and value. */
export const CONTROL_SIZE = 8;

/** A terminal's size in characters. */
export interface ConsoleSize {
  readonly columns: number;
  readonly rows: number;
}

/** A control message, with what follows it. */
export function controlMessage(
  id: number,
  event: ControlEvent,
  value: number,
  rest: Uint8Array = new Uint8Array(),
): Uint8Array {
  const message = new Uint8Array(CONTROL_SIZE + rest.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, id, true);
  view.setUint16(4, event, true);
  view.setUint16(6, value, true);
  message.set(rest, CONTROL_SIZE);
  return message;
}

/**
 * struct virtio_console_resize (5.3.6.2). Linux reads it so since 2025, and its stable series, Debian 12's among them; older
 * kernels took the two for each other.
 */
export function encodeSize({ columns, rows }: ConsoleSize): Uint8Array {
  return Uint8Array.of(columns & 0xff, columns >> 8, rows & 0xff, rows >> 8);
}
