/** Nanoseconds in time stamps, of the machine that writes (pcap-savefile(5)). */
const MAGIC_NANOSECONDS = 0xa1b2_3c4d;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;
const LINKTYPE_ETHERNET = 1;
/** Bytes of a frame that are kept: more than any has. */
const SNAPLEN = 262_144;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const BUFFER = 256 * 1024;

/** Writes frames in the format that tcpdump and Wireshark read. */
export class PcapWriter {
  private readonly buffer = new Uint8Array(BUFFER);
  private readonly view = new DataView(this.buffer.buffer);
  private used = 0;

  /** @param write takes pieces of the file, in order; their bytes are not theirs for longer than the call */
  constructor(private readonly write: (data: Uint8Array) => void) {
    const { view } = this;
    view.setUint32(0, MAGIC_NANOSECONDS, true);
    view.setUint16(4, VERSION_MAJOR, true);
    view.setUint16(6, VERSION_MINOR, true);
    view.setUint32(16, SNAPLEN, true);
    view.setUint32(20, LINKTYPE_ETHERNET, true);
    this.used = FILE_HEADER;
    this.flush();
  }

  /** @param timeMs since 1970, with as many decimals as it has */
  add(frame: Uint8Array, timeMs: number): void {
    const { view } = this;
    if (this.used + RECORD_HEADER + frame.length > BUFFER) this.flush();
    const seconds = Math.floor(timeMs / 1000);
    view.setUint32(this.used, seconds, true);
    view.setUint32(this.used + 4, Math.floor((timeMs - seconds * 1000) * 1e6), true);
    view.setUint32(this.used + 8, frame.length, true);
    view.setUint32(this.used + 12, frame.length, true);
    this.buffer.set(frame, this.used + RECORD_HEADER);
    this.used += RECORD_HEADER + frame.length;
  }

  /** Hands over what has gathered. */
  flush(): void {
    if (this.used > 0) this.write(this.buffer.subarray(0, this.used));
    this.used = 0;
  }
}
