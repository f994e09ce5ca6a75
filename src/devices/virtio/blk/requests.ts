/** Request types, status values and limits of block devices (virtio 1.3, 5.2.6). */
export const RequestType = {
  IN: 0,
  OUT: 1,
  FLUSH: 4,
  GET_ID: 8,
  DISCARD: 11,
  WRITE_ZEROES: 13,
} as const;

export const RequestStatus = { OK: 0, IOERR: 1, UNSUPP: 2 } as const;

/** Type, reserved, sector. */
export const HEADER_SIZE = 16;
/** One range of DISCARD and WRITE_ZEROES: sector, number of sectors, flags. */
export const RANGE_SIZE = 16;
export const RANGE_UNMAP = 1;
/** Bytes of the answer to GET_ID. */
export const ID_SIZE = 20;

/** Feature bits (5.2.3). */
export const BlkFeature = {
  SEG_MAX: 1n << 2n,
  GEOMETRY: 1n << 4n,
  RO: 1n << 5n,
  BLK_SIZE: 1n << 6n,
  FLUSH: 1n << 9n,
  TOPOLOGY: 1n << 10n,
  CONFIG_WCE: 1n << 11n,
  MQ: 1n << 12n,
  DISCARD: 1n << 13n,
  WRITE_ZEROES: 1n << 14n,
} as const;
